"""What every exercise of a notebook keeps to, so that it works with its solution and without.

An exercise is a text with the heading `## Exercise N · …`, a cell tagged `exercise` that a student fills in, a cell
tagged `solution`, and a cell tagged `check` that calls `mlfpga.exercises.check`. A student release drops the solution.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator

import nbformat

EXERCISE, SOLUTION, CHECK = "exercise", "solution", "check"

CLOSING = "## What hardware people should take from this"

_HEADING = re.compile(r"^#+ Exercise (\d+)\b", re.MULTILINE)


def count(notebook: nbformat.NotebookNode) -> int:
    """How many exercises it has."""
    return sum(EXERCISE in tags(cell) for cell in notebook.cells)


def closes(notebook: nbformat.NotebookNode) -> bool:
    """Whether it says what hardware people should take from it."""
    return any(cell.cell_type == "markdown" and CLOSING in cell.source.splitlines() for cell in notebook.cells)


def problems(notebook: nbformat.NotebookNode) -> list[str]:
    """What is wrong with its exercises, one sentence each; empty if nothing is."""
    return [*_order(notebook), *_names(notebook)]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """A cell's tags."""
    return cell.metadata.get("tags", [])


def _order(notebook: nbformat.NotebookNode) -> Iterator[str]:
    cells = notebook.cells
    kinds = [_kind(cell) for cell in cells]
    number = 0
    for index, kind in enumerate(kinds):
        before = kinds[index - 1] if index else None
        following = kinds[index + 1] if index + 1 < len(kinds) else None
        if kind == EXERCISE:
            number += 1
            heading = _HEADING.search(cells[index - 1].source) if before == "markdown" else None
            if heading is None or int(heading[1]) != number:
                yield f"exercise {number} does not stand under its text, which begins with `## Exercise {number}`"
            if following != SOLUTION:
                yield f"exercise {number} has no solution after it"
        elif kind == SOLUTION:
            if before not in (EXERCISE, SOLUTION):
                yield f"a solution has no exercise before it: {_first_line(cells[index])}"
            if following not in (SOLUTION, CHECK):
                yield f"the solution of exercise {number} has no check after it"
        elif kind == CHECK and before not in (SOLUTION, CHECK):
            yield f"a check has no solution before it: {_first_line(cells[index])}"


def _names(notebook: nbformat.NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    ordinary, solved = set(), set()
    for cell in code:
        kind = _kind(cell)
        if kind == SOLUTION:
            solved |= _defined(cell)
        elif kind != EXERCISE:
            ordinary |= _defined(cell)
    given = ordinary.union(*(_defined(cell) for cell in code if _kind(cell) == EXERCISE))
    only_solved = solved - given - set(dir(builtins))

    here: set[str] = set()  # what the solution above defines
    for cell in code:
        kind = _kind(cell)
        if kind == EXERCISE:
            here = set()
        elif kind == SOLUTION:
            here |= _defined(cell)
        if kind == CHECK:
            asked = _asked(cell)
            if not asked:
                yield f"this cell checks nothing; call check(lambda NAME: …): {_first_line(cell)}"
            for name in sorted(asked - here):
                yield f"the check asks for {name}, which the solution does not set"
            for name in sorted(asked & ordinary):
                yield f"the check asks for {name}, which another cell sets: an old value would be judged"
        if kind != SOLUTION:
            for name in sorted(_used(cell) & only_solved):
                yield f"{name} is known from a solution alone, and is used where there may be none: {_first_line(cell)}"


def _kind(cell: nbformat.NotebookNode) -> str:
    """`exercise`, `solution` or `check` for a code cell tagged so, else the type of the cell."""
    if cell.cell_type != "code":
        return cell.cell_type
    return next((tag for tag in (EXERCISE, SOLUTION, CHECK) if tag in tags(cell)), "code")


def _first_line(cell: nbformat.NotebookNode) -> str:
    return cell.source.strip().split("\n")[0]


def _python(cell: nbformat.NotebookNode) -> str:
    # What only IPython understands says nothing about names.
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.split("\n"))


def _scope(cell: nbformat.NotebookNode) -> symtable.SymbolTable:
    return symtable.symtable(_python(cell), "cell", "exec")


def _defined(cell: nbformat.NotebookNode) -> set[str]:
    """The names that a cell gives a value."""
    return {
        symbol.get_name()
        for symbol in _scope(cell).get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }


def _used(cell: nbformat.NotebookNode) -> set[str]:
    """The names that a cell takes from other cells."""
    scope = _scope(cell)
    used = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_referenced()}
    inner = scope.get_children()
    while inner:
        function = inner.pop()
        used |= {symbol.get_name() for symbol in function.get_symbols() if symbol.is_global()}
        inner += function.get_children()
    return used - _defined(cell)


def _asked(cell: nbformat.NotebookNode) -> set[str]:
    """The student's variables that a check asks for: the parameters of the conditions, which are lambdas."""
    asked = set()
    for node in ast.walk(ast.parse(_python(cell))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Lambda):
            if getattr(node.func, "id", getattr(node.func, "attr", None)) == "check":
                asked |= {argument.arg for argument in node.args[0].args.args}
    return asked
