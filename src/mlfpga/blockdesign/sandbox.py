"""Runs a Tcl script with commands of our own, and nothing that could touch the machine.

The script runs in a *safe interpreter* (Tcl's own: `interp create -safe`), which has no exec, open, socket, load, cd,
glob, file or exit. What a build script needs of those comes back as commands that look at the script's own folder only;
what they write goes to a folder that is thrown away. Who trusts a script can ask for more: then it may read everything
and start programs. Every call knows the file and line of the script it came from.
"""

import glob
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlfpga.blockdesign.design import Where

# Looks for the innermost frame that has a file: the line a reader would point at.
_LOCATE = """
namespace eval ::dry {
    proc locate {} {
        for {set level [info frame]} {$level > 0} {incr level -1} {
            set frame [info frame $level]
            if {[dict exists $frame file]} {
                return [list [dict get $frame file] [dict get $frame line]]
            }
        }
        return {}
    }
}
"""

# tkinter cannot hand an exception to Tcl's `catch`, so a command returns (code, result) and Tcl raises the error.
_DISPATCH = """
interp create -safe script
proc dispatch {args} {
    lassign [python_command {*}$args] code result
    return -code $code $result
}
"""

_REFUSED = ("exec", "socket", "load", "unload", "encoding")
_TRUSTED = ("exec",)
_HARMFUL = ("after", "vwait", "update", "interp", "fileevent", "fcopy")
_PATH_QUESTIONS = ("join", "dirname", "tail", "rootname", "extension", "split", "pathtype", "nativename", "separator")
_INSIDE_QUESTIONS = ("exists", "isfile", "isdirectory", "readable", "writable", "executable")
_WRITES = ("mkdir", "copy", "rename", "delete")
# Tcl takes leds[3] for leds and the result of a command 3; Vivado lets scripts write the bits of a bus so.
_INDEX = re.compile(r"[\d*]+([-:][\d*]+)?")


class ScriptError(Exception):
    """A script failed; `where` is the line, or None if it cannot be told."""

    def __init__(self, message: str, where: Where | None):
        super().__init__(f"{where}: {message}" if where else message)
        self.message, self.where = message, where

    def __reduce__(self):
        return type(self), (self.message, self.where)


class CommandError(Exception):
    """Raised by a command to fail as a Tcl error would: the script may catch it.

    word: what in the script is to blame, if it is more telling than the line of the command
    where: the line that is to blame, if it is another one
    whole: the message names its command already
    """

    def __init__(self, message: str, word: str | None = None, where: Where | None = None, whole: bool = False):
        super().__init__(message)
        self.word, self.where, self.whole = word, where, whole


class Sandbox:
    """A Tcl interpreter for one script.

    commands: name -> function of the command's words (strings) that returns a string, or a list for a Tcl list;
        it raises CommandError to fail
    roots: folders whose files the script may read
    files: paths that exist for the script although nothing has written them (what the recorded tools would have made)
    seconds: limit on the run; an endless loop ends there
    trusted: the script may read files anywhere, and start programs
    """

    def __init__(self, commands: dict[str, Callable], roots, files: set, seconds: float = 20, trusted: bool = False):
        self._tcl = _new_interpreter()
        self._roots = [Path(root).resolve() for root in roots]
        self._files, self._seconds, self._trusted = files, seconds, trusted
        self._folder = self._roots[0]
        self._scratch = tempfile.TemporaryDirectory(prefix="mlfpga-dry-run-")
        self._scripts: list[Path] = []
        self._words: dict[Path, dict[str, list[int]]] = {}
        own = {"puts": self._puts, "file": self._file, "exit": self._exit, "pwd": self._pwd, "cd": self._cd}
        self._commands = commands | own | {"glob": self._glob, "open": self._open}
        self._commands |= {name: self._refuser(name) for name in _REFUSED if not (trusted and name in _TRUSTED)}
        self._last_error: tuple[str, Where | None] | None = None
        self._exit_code: int | None = None
        self._trace_at_exit = ""
        self.output: list[str] = []
        self._prepare()

    @property
    def where(self) -> Where | None:
        """The line of the script that is being executed."""
        try:
            file, line = self._tcl.splitlist(self._tcl.eval("script eval ::dry::locate"))
            return Where(file, int(line))
        except (self._error, ValueError):  # no file, or the script has replaced our procedure
            return None

    def where_of(self, word: str) -> Where | None:
        """The line with this word if only one has it, else the line that is being executed.

        A command over many lines counts as its first, and a list may come from another file: a word says more.
        """
        # A script may name a thousand words one after the other, so they are looked up, not searched for.
        found = [
            Where(str(path), number)
            for path in dict.fromkeys(self._scripts)
            for number in self._places(path).get(word, ())
        ]
        return found[0] if len(found) == 1 else self.where

    def _places(self, path) -> dict[str, list[int]]:
        """Words of a script and the numbers of their lines; a word may have dots, slashes and stars in it."""
        if path not in self._words:
            self._words[path] = places = {}
            for number, line in enumerate(self._lines(path), start=1):
                for word in dict.fromkeys(re.findall(r"[\w./:*-]+", line)):
                    places.setdefault(word, []).append(number)
        return self._words[path]

    def run(self, script, arguments=()) -> None:
        """Run a script file. ScriptError with its file and line if it fails, or ends with a non-zero exit code."""
        self._tcl.eval(f"interp limit script time -seconds {int(time.time() + self._seconds) + 1}")
        self._tcl.call("script", "eval", ["set", "argv", list(map(str, arguments))])
        self._tcl.call("script", "eval", ["set", "argc", len(arguments)])
        self._scripts.append(Path(script).resolve())
        try:
            self._tcl.call("run_file", str(script))
        except self._error as error:
            # The limits have done their work; reading what happened must not run into them again.
            self._tcl.eval("interp limit script time -seconds {}; interp limit script commands -value {}")
            if self._exit_code is None:
                self._fail(str(error), self._trace())
        if self._exit_code:
            self._fail(f"the script ended with exit code {self._exit_code}", self._trace_at_exit)

    @property
    def expected_version(self) -> str | None:
        """The version of Vivado that a script says it was written for (write_bd_tcl puts it there), or None."""
        for script in self._scripts:
            match = re.search(r'set\s+scripts_vivado_version\s+"?(\d{4}\.\d)', "\n".join(self._lines(script)))
            if match:
                return match[1]
        return None

    def split(self, text: str) -> tuple:
        """The elements of a Tcl list."""
        try:
            return self._tcl.splitlist(text)
        except self._error as error:
            raise CommandError(f"not a list: {error}") from error

    def resolve(self, path) -> Path:
        """An absolute path; relative ones start at the script's folder, or where it went with cd."""
        return (self._folder / path).resolve()

    def readable(self, path) -> Path | None:
        """The absolute path of what a script names, or None if the script may not read there."""
        resolved = self.resolve(path)
        return resolved if self._inside(resolved) else None

    def _prepare(self):
        import tkinter

        self._error = tkinter.TclError
        self._tcl.eval(_DISPATCH)
        self._tcl.createcommand("python_command", self._call)
        self._tcl.eval("proc run_file {path} {interp invokehidden script source $path}")
        self._tcl.eval("interp alias script source {} run_inside")
        self._tcl.eval("proc run_inside {args} {run_file [dispatch permit [lindex $args end]]}")
        self._commands["permit"] = self._permit
        self._tcl.call("script", "eval", _LOCATE)
        for name in [*_HARMFUL, "puts"]:
            self._tcl.eval(f"interp hide script {name}")
        self._tcl.eval("interp expose script fconfigure")
        # Scripts build paths of these; nothing that lies there is for them.
        folder = str(self._folder)
        self._tcl.call("script", "eval", ["array", "set", "::env", ["HOME", folder, "XILINX_VIVADO", folder]])
        self._tcl.eval("script eval {set ::tcl_platform(os) Linux}")
        if self._trusted:
            for name in _TRUSTED:
                self._tcl.eval(f"interp expose script {name}")
        for name in [*self._commands, "unknown"]:
            if "::" in name:
                self._tcl.call("script", "eval", ["namespace", "eval", name.rpartition("::")[0], ""])
            self._tcl.eval(f"interp alias script {name} {{}} dispatch {name}")

    def _call(self, name, *words):
        """Called by Tcl for each of our commands. Code 0 is success, 1 an error that the script may catch."""
        where = None
        try:
            if name == "unknown" and len(words) == 1 and _INDEX.fullmatch(words[0]):
                return 0, f"[{words[0]}]"
            if name == "unknown":
                name, *words = self._meant(words)
            result = self._commands[name](*words)
            return 0, "" if result is None else result
        except CommandError as error:
            where = self.where_of(error.word) if error.word else error.where
            message = str(error) if error.whole or name == "permit" else f"{name}: {error}"
        except (TypeError, ValueError) as error:
            message = f"{name}: wrong arguments ({error})"
        except Exception as error:  # Tcl would drop it without a word
            message = f"{name}: the dry run cannot do this ({type(error).__name__}: {error})"
        self._last_error = message, where or self.where
        return 1, message

    def _meant(self, words):
        """A command that was cut short, as Vivado lets scripts do (get_bd_cell), in full."""
        word = words[0].removeprefix("::")
        whole = [name for name in self._commands if "_" in word and name.startswith(word)]
        if len(whole) != 1:
            raise CommandError(f'unknown command "{words[0]}"', whole=True)
        return whole[0], *words[1:]

    def _trace(self):
        """Tcl's account of the last error: its message and the way to it."""
        return self._tcl.eval("script eval {if {[info exists ::errorInfo]} {set ::errorInfo}}")

    def _fail(self, message, trace):
        """Raise the error at the place where it first happened, also if the script caught it and then gave up."""
        caught, where = self._last_error or (None, None)
        if "time limit exceeded" in message:
            raise ScriptError(f"stopped after {self._seconds:g} s: is there an endless loop?", self._place(trace))
        if caught is not None and trace.startswith(caught):
            raise ScriptError(caught, where)
        first_line = trace.splitlines()[0] if trace else message
        raise ScriptError(first_line if self._exit_code else message, self._place(trace))

    def _place(self, trace):
        """The line of a plain Tcl error, from its stack trace."""
        match = re.search(r'\(file "([^"]+)" line (\d+)\)', trace)
        procedure = re.search(r'\(procedure "([^"]+)" line (\d+)\)', trace)
        if procedure and (not match or procedure.start() < match.start()):
            return self._line_in_procedure(procedure[1], int(procedure[2]))
        return Where(match[1], int(match[2])) if match else None

    def _line_in_procedure(self, name, line):
        """The file's line for a line of a procedure, which Tcl counts without those that a backslash continues."""
        for script in self._scripts:
            lines = self._lines(script)
            for start, text in enumerate(lines):
                if text.split()[:2] == ["proc", name.removeprefix("::")]:
                    ends = [number for number in range(start, len(lines)) if not lines[number].endswith("\\")]
                    return Where(str(script), ends[line - 2] + 2 if line > 1 else start + 1)
        return None

    @staticmethod
    def _lines(script):
        return script.read_text(encoding="utf-8", errors="replace").splitlines()

    def _permit(self, path):
        """The path, if the script may read it."""
        resolved = self.resolve(path)
        if not self._inside(resolved):
            raise CommandError(f'source "{path}" is refused: a dry run reads only files in the folder of its script')
        if not resolved.is_file():
            raise CommandError(f'source: there is no file "{path}"')
        self._scripts.append(resolved)
        return str(resolved)

    def _inside(self, path: Path) -> bool:
        return self._trusted or any(path == root or root in path.parents for root in self._roots)

    def _puts(self, *words):
        channel, *text = [word for word in words if word != "-nonewline"] if len(words) > 1 else ("stdout", *words)
        if not text:
            channel, text = "stdout", [channel]
        if channel in ("stdout", "stderr"):
            self.output.append(text[0])
        else:
            self._tcl.call("interp", "invokehidden", "script", "puts", *words)

    def _pwd(self):
        return str(self._folder)

    def _cd(self, folder="."):
        path = self.resolve(folder)
        if not self._inside(path):
            raise CommandError(f'"{folder}" is refused: a dry run stays in the folder of its script')
        self._folder = path

    def _glob(self, *words):
        """Files inside the script's folder that match; elsewhere nothing is seen."""
        options, patterns = {}, list(words)
        while patterns and patterns[0].startswith("-"):
            option = patterns.pop(0)
            if option == "--":
                break
            options[option] = patterns.pop(0) if option in ("-directory", "-path", "-types", "-type") else True
        start = self.resolve(options.get("-directory", "."))
        kinds = set(str(options.get("-types", options.get("-type", ""))).split()) & {"f", "d"}
        found = []
        for pattern in patterns:
            pattern = glob.escape(options["-path"]) + pattern if "-path" in options else pattern
            base = Path(pattern).anchor or None
            paths = Path(base).glob(str(Path(pattern).relative_to(base))) if base else start.glob(pattern)
            paths = [path for path in sorted(paths) if self._inside(path.resolve())]
            found += [(path, pattern) for path in paths if not kinds or ("d" if path.is_dir() else "f") in kinds]
        if not found and "-nocomplain" not in options:
            raise CommandError(f'no files matched glob pattern "{" ".join(patterns)}"')
        full = "-directory" in options and "-tails" not in options
        relative = self._folder if "-directory" not in options else start
        return [
            str(path) if full or Path(pattern).is_absolute() else os.path.relpath(path, relative)
            for path, pattern in found
        ]

    def _open(self, path, access="r", *_):
        """A channel: to read a file in the script's folder, or to write one that is thrown away after the run."""
        resolved = self.resolve(path)
        if path.startswith("|"):
            raise CommandError("refused in a dry run: a script cannot start programs")
        if not self._inside(resolved):
            raise CommandError(f'"{path}" is refused: a dry run reads only files in the folder of its script')
        written = Path(self._scratch.name, hashlib.sha256(str(resolved).encode()).hexdigest())
        if access in ("r", "rb", "RDONLY"):
            source = written if written.is_file() else resolved
            if not source.is_file():
                raise CommandError(f'there is no file "{path}"')
        else:
            source = written
            if resolved.is_file() and not written.exists():
                written.write_bytes(resolved.read_bytes())
            self._files.add(str(resolved))
        channel = self._tcl.call("open", str(source), access)
        self._tcl.call("interp", "transfer", "", channel, "script")
        return channel

    def _exit(self, code="0"):
        self._exit_code = int(code)
        self._trace_at_exit = self._trace()
        # Nothing may follow an exit; this error cannot be mistaken for one of the script's.
        self._tcl.eval("interp limit script commands -value 1")
        return ""

    def _file(self, question, *words):
        if question in _PATH_QUESTIONS:
            return self._tcl.call("file", question, *words)
        if question == "normalize":
            return str(self.resolve(words[0]))
        if question in _INSIDE_QUESTIONS:
            return self._exists(question, words[0])
        if question in _WRITES:
            return self._write(question, [word for word in words if not word.startswith("-")])
        raise CommandError(f"file {question} is refused in a dry run")

    def _exists(self, question, path):
        resolved = self.resolve(path)
        if str(resolved) in self._files:
            return int(question != "isdirectory")
        if not self._inside(resolved):
            return 0
        answers = {"isfile": resolved.is_file, "isdirectory": resolved.is_dir, "executable": lambda: False}
        return int(answers.get(question, resolved.exists)())

    def _write(self, question, paths):
        """Nothing is written: a copy of a file exists from now on, and a folder that the script has made."""
        if question in ("copy", "rename"):
            *sources, target = (self.resolve(path) for path in paths)
            for source, path in zip(sources, paths, strict=False):
                if str(source) not in self._files and not (self._inside(source) and source.exists()):
                    raise CommandError(f'there is no file "{path}" to {question}')
                self._files.add(str(target if not target.is_dir() else target / source.name))
        if question == "delete":
            self._files.difference_update(str(self.resolve(path)) for path in paths)
        return ""

    def _refuser(self, name):
        def refuse(*words):
            raise CommandError("refused in a dry run: a script cannot start programs or reach the network")

        return refuse


def _new_interpreter():
    try:
        import tkinter
    except ImportError as error:
        raise RuntimeError(
            "the dry run needs Python's Tcl interpreter, which this Python lacks; "
            "install it (Debian and Ubuntu: apt install python3-tk)"
        ) from error
    return tkinter.Tcl()
