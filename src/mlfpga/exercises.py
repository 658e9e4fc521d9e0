"""The self-check of an exercise: is what a student called `by_hand` what it should be?

The cell after an exercise is tagged `check` and stays in the students' release:

    course.check(lambda by_hand: np.isclose(by_hand, by_keras, rtol=1e-4), "compare it with loss(y, logits)")

A copy of this file travels in every bundle; it needs nothing but the standard library (Python 3.10).
"""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

STRICT = "strict"
"""Value of the environment variable `MLFPGA_CHECKS` with which a wrong answer raises: runs that have the solutions."""


class CheckError(Exception):
    """The solution of an exercise does not pass the exercise's own check."""


def check(condition: Callable[..., Any], hint: str) -> None:
    """Say whether the exercise above is solved: ✓ it is, ✗ not yet, or · it was not begun.

    condition  takes the student's variables, which its parameters name, and is true of a right answer; of an array,
               all elements must be true. It is not called before every variable has a value (`...` and None are none).
    hint       one sentence, shown while the answer is not right: what to look at, not the answer

    The variables are looked up where `check` is called. A wrong answer is only told, never raised, so that a notebook
    that runs on; CheckError is for runs with the solutions (`MLFPGA_CHECKS=strict`), where it would be our mistake.
    """
    names = list(inspect.signature(condition).parameters)
    if not names:
        raise TypeError("the condition names no variable of the student's; write lambda my_result: …")
    caller = sys._getframe(1)
    known = {**caller.f_globals, **caller.f_locals}
    answers = {name: known.get(name) for name in names}
    listed = " and ".join(f"`{name}`" for name in names)
    missing = [f"`{name}`" for name, value in answers.items() if value is None or value is ...]
    if missing:
        print(f"· not solved yet: {' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no value")
        return
    problem = _problem(condition, answers)
    if problem is None:
        print(f"✓ {listed}: right")
    elif os.environ.get("MLFPGA_CHECKS") == STRICT:
        raise CheckError(f"the solution does not pass its check: {listed}{problem} ({hint})")
    else:
        print(f"✗ {listed}: not yet{problem}. Hint: {hint}")


def _problem(condition: Callable[..., Any], answers: dict[str, Any]) -> str | None:
    """None for a right answer, "" for a wrong one, and for one that cannot be judged why, to go on after its name."""
    try:
        verdict = condition(**answers)
        right = bool(verdict.all() if hasattr(verdict, "all") else verdict)
    except Exception as error:  # whatever a wrong shape or type makes of the comparison
        return f" ({type(error).__name__}: {error})"
    return None if right else ""
