"""Runs the build script in real Vivado and reads its reports."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from mlfpga.artifacts import course_root, writing
from mlfpga.blockdesign.settings import settings_text

_STEP = re.compile(r"mlfpga: step: (.*)")
_ERROR = re.compile(r"(?:mlfpga: error: |ERROR: )(.*)")
_RESOURCES = {
    "CLB LUTs": "LUT",
    "CLB Registers": "FF",
    "DSPs": "DSP",
    "Block RAM Tile": "BRAM36",
    "URAM": "URAM",
}
# The commands that write the reports, and what each of them has in it in every version.
_REPORTS = {
    "report_utilization": "Site Type",
    "report_timing_summary": "WNS(ns)",
    "report_power": "Total On-Chip Power (W)",
}


class BuildError(RuntimeError):
    """Vivado is missing, failed, or left no bitstream. `log` is its output's file, if it ran."""

    def __init__(self, message: str, log: Path | None = None):
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Reports:
    """What Vivado reported; None or an empty dict where a report is missing. Units as in `BuildResult`.

    timed: there is a report on timing; without any constrained path its slack is None too
    """

    utilization: dict
    slack_ns: float | None
    power_w: float | None
    timed: bool = True


@dataclass(frozen=True)
class BuildResult:
    """What a build left.

    utilization: resource -> (used, available); LUT, FF, DSP, BRAM36 (36 Kb blocks; halves count .5)
    slack_ns: worst negative slack of setup in ns, positive if met; None if there is no constrained path
    power_w: total on-chip power estimate in W, or None
    """

    bitstream: Path
    handoff: Path
    platform: Path
    log: Path
    seconds: float
    utilization: dict
    slack_ns: float | None
    power_w: float | None

    @property
    def timing_met(self) -> bool:
        return self.slack_ns is None or self.slack_ns >= 0


def find_vivado() -> Path | None:
    """The vivado executable on PATH, or None."""
    found = shutil.which("vivado")
    return Path(found) if found else None


def build_script() -> Path:
    """The course's build script, vivado/build.tcl of the checkout."""
    return course_root() / "vivado" / "build.tcl"


def build(settings: dict, folder, script=None, progress=print) -> BuildResult:
    """Build the bitstream with Vivado in batch mode; 20 to 60 minutes.

    settings: overrides of vivado/settings.tcl; the project and the results go into `folder` whatever they say
    script: default vivado/build.tcl of the checkout
    progress: called with a line for each step
    Raises BuildError with the first error of Vivado and the name of the log.
    """
    vivado = find_vivado()
    if vivado is None:
        raise BuildError("vivado is not on PATH; source its settings64.sh first (a dry run needs no Vivado)")
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(script or build_script()).resolve()
    settings = settings | {"project_folder": folder / "project", "output_folder": folder}
    stem = folder / str(settings.get("overlay_name", "overlay"))
    for path in _results(stem):
        # An old file must not pass for what this build should make.
        path.unlink(missing_ok=True)
    overrides = folder / "settings.tcl"
    with writing(overrides) as temporary:
        Path(temporary).write_text(settings_text(settings), encoding="utf-8")
    log, started = folder / "vivado.log", time.monotonic()
    command = [vivado, "-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source", script, "-tclargs", overrides]
    code, error = _run([str(word) for word in command], folder, log, progress)
    if code != 0:
        raise BuildError(f"vivado ended with exit code {code}: {error or 'no message'}; see {log}", log)
    return _result(folder, stem, log, time.monotonic() - started)


def _run(command, folder, log, progress):
    """Run, copy the output into the log, report steps. Returns the exit code and the first error message."""
    error, started = None, time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        # A session of its own: `vivado` is a shell script, and stopping it alone would leave its children running.
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if match := _STEP.match(line):
                    progress(f"vivado: {match[1]} ({time.monotonic() - started:.0f} s)")
                elif error is None and (match := _ERROR.match(line)):
                    error = match[1].strip()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            process.stdout.close()
            code = process.wait()
    return code, error


def _results(stem) -> list[Path]:
    return [stem.with_suffix(suffix) for suffix in (".bit", ".hwh", ".xsa")]


def _result(folder, stem, log, seconds) -> BuildResult:
    files = _results(stem)
    for path in files:
        if not path.is_file():
            raise BuildError(f"vivado ended well but left no {path.name}; see {log}", log)
    reports = read_reports(folder)
    return BuildResult(
        *files,
        log=log,
        seconds=seconds,
        utilization=reports.utilization,
        slack_ns=reports.slack_ns,
        power_w=reports.power_w,
    )


def read_reports(folder: Path | str) -> Reports:
    """The reports in a build's folder. Raises BuildError if there is none, or if one is no report of Vivado's."""
    folder = Path(folder)
    names = [folder / f"{name}.rpt" for name in ("utilization", "timing", "power")]
    if not any(path.is_file() for path in names):
        raise BuildError(f"{folder} holds no utilization.rpt, timing.rpt or power.rpt; build the design there first")
    utilization, timing, power = map(_text, names)
    for path, (command, sign) in zip(names, _REPORTS.items(), strict=True):
        if path.is_file() and sign not in _text(path):
            raise BuildError(f'{path} is not what {command} writes: it has no "{sign}"; build the design again')
    timed = names[1].is_file()
    return Reports(parse_utilization(utilization), parse_slack(timing), parse_power(power), timed)


def _text(path):
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def parse_utilization(report: str) -> dict[str, tuple[float, float]]:
    """Used and available of each resource, from the text of `report_utilization`."""
    found = {}
    for line in report.splitlines():
        cells = [cell.strip().rstrip("*") for cell in line.split("|")[1:-1]]
        if len(cells) < 5 or cells[0] not in _RESOURCES or _RESOURCES[cells[0]] in found:
            continue
        # Columns: Site Type, Used, Fixed, [Prohibited,] Available, Util%.
        found[_RESOURCES[cells[0]]] = float(cells[1]), float(cells[-2])
    return found


def parse_slack(report: str) -> float | None:
    """Worst negative slack (WNS) in ns, from the text of `report_timing_summary`."""
    lines = report.splitlines()
    for index, line in enumerate(lines):
        if line.split()[:1] == ["WNS(ns)"]:
            value = next((row.split()[0] for row in lines[index + 2 :] if row.strip()), "NA")
            return None if value == "NA" else float(value)
    return None


def parse_power(report: str) -> float | None:
    """Total on-chip power in W, from the text of `report_power`."""
    match = re.search(r"\|\s*Total On-Chip Power \(W\)\s*\|\s*([\d.]+)", report)
    return float(match[1]) if match else None
