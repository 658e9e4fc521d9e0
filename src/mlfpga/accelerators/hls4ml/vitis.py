"""Vitis HLS, where it is installed: run the build script, read the report."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from mlfpga.accelerators.contract import Accelerator, AcceleratorError
from mlfpga.artifacts import writing

_SOLUTION = Path("hls/ip_project/solution1")


def find_vitis() -> list[str] | None:
    """The command that runs an HLS script (without the script's name), or None if Vitis is not on PATH.

    `vitis-run` came with 2023.1; before, there was `vitis_hls`.
    """
    if shutil.which("vitis-run"):
        return ["vitis-run", "--mode", "hls", "--tcl"]
    if shutil.which("vitis_hls"):
        return ["vitis_hls", "-f"]
    return None


def build_ip(accelerator: Accelerator, check_with: np.ndarray | None = None, cosim: bool = False) -> Path:
    """Synthesize the accelerator with Vitis HLS and export it; returns the folder of the IP (holds component.xml).

    check_with  a few samples (n, *input.shape): Vitis's own C simulation must give the words that ours gives
    cosim       run them through the synthesized circuit, too (minutes for each sample)

    Takes minutes; everything that Vitis prints goes to hls/build_ip.log. Raises AcceleratorError without Vitis, or with
    the first error of the log.
    """
    command = find_vitis()
    if command is None:
        raise AcceleratorError(
            "Vitis HLS is not on PATH (neither vitis-run nor vitis_hls); source Vitis's settings64.sh and run again"
        )
    hls = accelerator.folder / "hls"
    checks = []
    if check_with is not None:
        write_vectors(accelerator, check_with)
        checks = ["csim", "cosim"] if cosim else ["csim"]
    log = hls / "build_ip.log"
    with open(log, "w") as stream:
        done = subprocess.run(
            [*command, "build_ip.tcl"],
            cwd=hls,
            env=os.environ | {"MLFPGA_CHECKS": " ".join(checks)},
            # Should the tool fall into its interactive mode, it ends there instead of waiting for ever.
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    ip = accelerator.folder / _SOLUTION / "impl" / "ip"
    if done.returncode or not (ip / "component.xml").exists():
        errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
        raise AcceleratorError(f"Vitis HLS failed: {errors[0] if errors else 'no IP was exported'}; see {log}")
    return ip


def write_vectors(accelerator: Accelerator, x: np.ndarray) -> Path:
    """Write hls/vectors.txt, which testbench.cpp reads: for each sample of `x` its words and those of its result.

    The results are those of our C simulation; values outside the input format raise RangeError.
    """
    words = accelerator.input.encode(x)
    rows = np.hstack([words, accelerator.predict_words(words)])
    path = accelerator.folder / "hls" / "vectors.txt"
    with writing(path) as file:
        file.write_text("".join(" ".join(f"{word:x}" for word in row) + "\n" for row in rows))
    return path


def read_report(folder: Path | str) -> dict[str, float] | None:
    """Figures of the C synthesis report of an accelerator's folder, or None if Vitis HLS has not run there.

    Keys: latency_cycles and interval_cycles (worst case), clock_ns (estimated), and BRAM_18K, DSP, FF, LUT, URAM.
    """
    path = Path(folder) / _SOLUTION / "syn" / "report" / "csynth.xml"
    if not path.exists():
        return None
    root = ElementTree.parse(path).getroot()
    overall = "PerformanceEstimates/SummaryOfOverallLatency"
    figures = {
        "latency_cycles": _number(root, f"{overall}/Worst-caseLatency"),
        "interval_cycles": _number(root, f"{overall}/Interval-max"),
        "clock_ns": _number(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
    }
    resources = root.find("AreaEstimates/Resources")
    figures |= {entry.tag: float(entry.text) for entry in (resources if resources is not None else [])}
    return figures


def _number(root: ElementTree.Element, path: str) -> float:
    # Vitis writes "undef" where a loop's trip count is not known.
    text = root.findtext(path, "undef").strip()
    return float(text) if text != "undef" else float("nan")
