"""The report: one page, `build/report/index.html`, with what every stage came to, one dataset after another.

Only what a finished stage recorded is shown; a stage that was not run says so. The page needs no network and no file
beside it but the executed notebooks it links to.
"""

import base64
import json
import os
import time
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

from mlfpga.accelerators.hls4ml import read_report
from mlfpga.artifacts import build_root, course_root, writing
from mlfpga.course import runner
from mlfpga.course.measures import RANKING, leading, measures, shown
from mlfpga.course.pictures import accuracy_picture
from mlfpga.course.stages import METRICS, NAMES, Stage, case_of, record, stage_folder, stages_of, stale_because

TEMPLATES = Path(__file__).with_name("templates")

# What is learned from, in each case.
ABOUT = {"mlp": "an MLP on detector pulses", "cnn": "a CNN on images", "rnn": "an RNN that recommends the next item"}

# The four places where accuracy is measured: the stage, what it is called in a picture, and what runs there.
PLACES = (
    ("training", "Float", "Keras, 32-bit floating point"),
    ("compression", "Compressed", "QKeras, quantized and pruned"),
    ("accelerator", "C simulation", "the accelerator's C++, bit by bit"),
    ("board", "Board", "over AXI DMA, through pynq"),
)

# The stages whose tables compare compressed models, and what they vary.
COMPRESSIONS = {
    "quantization": "Quantization",
    "pruning": "Pruning",
    "distillation": "Distillation",
    "compression": "Together",
}

# The stages of lab 06.
PIPELINE = {
    "integers": "The network of integers",
    "pipeline": "Its RTL",
    "parallelism": "What bits and parallelism cost",
    "pipeline_board": "On the board",
}

# What the table of the compressions shows of a row, and under which heading; kbit: a thousand bits.
COMPRESSION = {
    "name": "model",
    "accuracy": "accuracy",
    **RANKING,
    "weights": "weights",
    "weight_bits": "weight bits",
    "activation_bits": "activation bits",
    "sparsity": "zeros",
    "multiplications": "multiplications",
    "size_bits": "memory (kbit)",
    "nonzero_bits": "without zeros (kbit)",
}

# How the names that stages give their metrics end, and the unit that says.
UNITS = {
    "_ms": "ms",
    "_us": "µs",
    "_ns": "ns",
    "_per_s": "per second",
    "_s": "s",
    "_mhz": "MHz",
    "_bits": "bits",
    "_bytes": "bytes",
    "_cycles": "cycles",
}

# Names that begin with these are shares of one.
SHARES = {"accuracy", "agreement", "sparsity", "top"}

# Shown in a section of their own, not among a stage's figures.
ELSEWHERE = {"accuracy", "confusion", "classes", "table", *RANKING}

# More classes than this make a confusion matrix that nobody can read on a page.
MOST_CLASSES = 25


def write(datasets: list[str]) -> Path:
    """Write the report of these datasets; returns its path."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "number": number, "words": words, "heading": heading}
    page = environment.get_template("report.html.j2").render(
        datasets=[gather(dataset) for dataset in datasets],
        written=time.strftime("%Y-%m-%d %H:%M"),
        style=(TEMPLATES / "report.css").read_text(),
        figures=read_json(build_root() / "figures.json"),
        versions=versions(),
    )
    target = build_root() / "report" / "index.html"
    with writing(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def gather(dataset: str) -> dict[str, Any]:
    """Everything the page shows of a dataset, by the names its template uses."""
    case = case_of(dataset)
    metrics = {name: stage_metrics(dataset, name) for name in NAMES}
    places = place_rows(case, metrics)
    board = metrics["board"] or {}
    return {
        "dataset": dataset,
        "about": ABOUT[case],
        "measure": measures(case)[leading(case)],
        "places": places,
        "picture": accuracy_picture([(row["name"], row["value"]) for row in places]),
        "ranking": ranking_rows(metrics) if case == "rnn" else None,
        "confusions": confusions(metrics),
        "compressions": [(heading, compression_rows(metrics[name] or {})) for name, heading in COMPRESSIONS.items()],
        "accelerator": tables_and_facts(metrics["accelerator"]),
        "synthesis": tables_and_facts(read_report(stage_folder(dataset, "accelerator"))),
        "overlay": tables_and_facts(metrics["overlay"]),
        "design": design(dataset),
        "board": tables_and_facts(metrics["board"]),
        "virtual": board.get("virtual"),
        "words_equal": (board["words_equal"], board["words_compared"]) if "words_equal" in board else None,
        "pipeline": [(heading, pipeline_facts(metrics[name])) for name, heading in PIPELINE.items() if metrics[name]],
        "hardware": hardware(dataset),
        "notebooks": [notebook_row(dataset, stage) for stage in stages_of(dataset)],
    }


def stage_metrics(dataset: str, name: str) -> dict | None:
    """The metrics of a finished stage, None if it is not finished."""
    return read_json(stage_folder(dataset, name) / METRICS) if record(dataset, name) else None


def place_rows(case: str, metrics: dict[str, dict | None]) -> list[dict]:
    """One row per place of measurement: name, what runs there, the case's leading measure (0 … 1), its change, cost."""
    metric, rows, before = leading(case), [], None
    for stage, name, what in PLACES:
        recorded = metrics[stage] or {}
        value = recorded.get(metric)
        change = None if value is None or before is None else value - before
        rows.append(
            {
                "name": shown_name(name, recorded),
                "what": what,
                "value": value,
                "change": change,
                "cost": cost(stage, recorded),
            }
        )
        before = value
    return rows


def ranking_rows(metrics: dict[str, dict | None]) -> list[dict]:
    """All ranking measures, as they read, one row per place of measurement; places without any are left out."""
    rows = []
    for stage, name, _ in PLACES:
        recorded = metrics[stage] or {}
        values = {heading: shown(metric, recorded[metric]) for metric, heading in RANKING.items() if metric in recorded}
        if values:
            rows.append({"place": shown_name(name, recorded)} | {head: values.get(head) for head in RANKING.values()})
    return rows


def shown_name(name: str, recorded: dict) -> str:
    """The name of a place of measurement; a board that was virtual is never called a board."""
    return "Virtual board" if recorded.get("virtual") else name


def cost(stage: str, recorded: dict) -> str | None:
    """What a stage's network takes, in one line, from its metrics; None if they do not say."""
    try:
        if stage == "training":
            return f"{recorded['parameters']:,} parameters of 32 bits"
        if stage == "compression":
            return f"weights of {recorded['weight_bits']} bits, {recorded['sparsity']:.0%} of them zero"
        if stage == "accelerator":
            interval = recorded["estimated_initiation_interval_cycles"]
            return f"{recorded['multipliers']:,} multipliers, a sample every {interval:,} cycles (estimated)"
        whose = " (the simulation's time)" if recorded["virtual"] else ""
        return f"{recorded['latency_ms']:.3g} ms for one sample{whose}"
    except KeyError:
        return None


def compression_rows(recorded: dict) -> list[dict]:
    """The table of the compressions under readable headings, sizes in kbit; says which model went on."""
    rows = []
    for row in recorded.get("table", []):
        shown = {heading: row[key] for key, heading in COMPRESSION.items() if key in row}
        shown |= {head: value / 1000 for head, value in shown.items() if head.endswith("(kbit)")}
        if row.get("name") == recorded.get("winner"):
            shown["model"] += " (went on)"
        rows.append(shown)
    return rows


def confusions(metrics: dict[str, dict | None]) -> list[dict]:
    """The confusion matrices that stages recorded, as rows of (count, shade 0 … 1, on the diagonal)."""
    shown = []
    for stage, name, _ in PLACES:
        matrix = (metrics[stage] or {}).get("confusion")
        if not matrix or len(matrix) > MOST_CLASSES:
            continue
        classes = (metrics[stage] or {}).get("classes") or (metrics["training"] or {}).get("classes")
        classes = classes or [str(index) for index in range(len(matrix))]
        rows = []
        for true, counts in enumerate(matrix):
            total = sum(counts) or 1
            # An error is shaded ten times as strongly as a hit: it is rare, and it is what one looks for.
            shades = [min(1.0, count / total * (1 if guess == true else 10)) for guess, count in enumerate(counts)]
            cells = [
                (count, shade, guess == true) for guess, (count, shade) in enumerate(zip(counts, shades, strict=True))
            ]
            rows.append((classes[true], cells))
        wrong = sum(map(sum, matrix)) - sum(matrix[index][index] for index in range(len(matrix)))
        name = shown_name(name, metrics[stage] or {})
        shown.append({"name": name, "classes": classes, "rows": rows, "wrong": wrong, "of": sum(map(sum, matrix))})
    return shown


def tables_and_facts(metrics: dict | None) -> dict | None:
    """A stage's metrics sorted for showing: `facts`, single values with units, and `tables`, lists of row dicts."""
    if metrics is None:
        return None
    facts, tables = [], []
    for name, value in metrics.items():
        if name in ELSEWHERE:
            continue
        if isinstance(value, dict):
            # One level of grouping is kept in the name: {"latency": {"mean_us": 3}} is "latency mean".
            facts += [fact(f"{name}_{inner}", each) for inner, each in value.items() if is_plain(each)]
        elif is_table(value):
            tables.append((name, value))
        elif is_plain(value):
            facts.append(fact(name, value))
    return {"facts": facts, "tables": tables}


def pipeline_facts(metrics: dict) -> dict:
    """As `tables_and_facts`, for lab 06: its accuracy and its tables stand nowhere else on the page."""
    names = {"accuracy": "accuracy_on_the_test_images", "table": "what_was_compared"}
    return tables_and_facts({names.get(name, name): value for name, value in metrics.items()})


def fact(name: str, value: Any) -> dict:
    """A named value with the unit that its name ends in; a share becomes percent."""
    if name.split("_")[0] in SHARES and isinstance(value, float) and 0 <= value <= 1:
        return {"name": name, "value": percent(value), "unit": ""}
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return {"name": name.removesuffix(ending), "value": value, "unit": unit}
    return {"name": name, "value": value, "unit": ""}


def is_plain(value: Any) -> bool:
    """True for what fits into one cell."""
    return isinstance(value, (str, int, float, bool)) and not (isinstance(value, str) and len(value) > 200)


def is_table(value: Any) -> bool:
    """True for a list of rows that share their columns."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) and row.keys() == value[0].keys() for row in value)
    )


def design(dataset: str) -> dict:
    """The block-design picture as a data URI, and the address map; None for what is not there."""
    folder = stage_folder(dataset, "overlay")
    picture = folder / "design.svg"
    uri = None
    if picture.is_file():
        uri = "data:image/svg+xml;base64," + base64.b64encode(picture.read_bytes()).decode()
    described = read_json(folder / "design.json") or {}
    return {"picture": uri, "address_map": described.get("address_map"), "described": tables_and_facts(described)}


def hardware(dataset: str) -> list[tuple[str, str]]:
    """What was real and what was not, as (what, how it was done)."""
    manifest = read_json(stage_folder(dataset, "bundle") / "manifest.json") or {}
    origin = manifest.get("overlay", {}).get("origin")
    results = stage_metrics(dataset, "board") or {}
    rows = []
    if origin:
        meaning = "Vivado's Tcl without Vivado: no bitstream" if origin == "dry run" else "bitstream by Vivado"
        rows.append(("Overlay", f"{origin} ({meaning})"))
    if results:
        rows.append(("Board", str(results.get("device") or results.get("board") or "virtual AUP-ZU3")))
    return rows


def notebook_row(dataset: str, stage: Stage) -> dict:
    """How a stage's notebook stands: its title, state, time, and a link to its HTML if it was ever executed."""
    html = runner.executed_notebook(dataset, stage).with_suffix(".html")
    last = runner.last_run(dataset, stage) or {}
    if not html.is_file():
        state = "not run yet"
    elif not last:
        state = "failed"
    else:
        state = "stale" if stale_because(dataset, stage.name) else "done"
    link = os.path.relpath(html, build_root() / "report") if html.is_file() else None
    return {"name": stage.notebook, "makes": stage.makes, "state": state, "link": link, **last}


def versions() -> list[tuple[str, str]]:
    """The packages that matter: this library as installed, the others as locked."""
    shown = {"host": ("tensorflow-cpu", "qkeras", "hls4ml", "numpy", "jupyterlab"), "board": ("pynq",)}
    found = [("mlfpga", version("mlfpga"))]
    for name, packages in shown.items():
        lock = course_root() / "environments" / f"{name}.lock"
        pins = (
            dict(line.split("==") for line in lock.read_text().splitlines() if "==" in line) if lock.is_file() else {}
        )
        found += [(package, pins[package]) for package in packages if package in pins]
    return found


def read_json(path: Path) -> Any:
    """A JSON file's content, None if there is none that can be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def percent(fraction: float) -> str:
    """97.53 %"""
    return f"{100 * fraction:.2f} %"


def number(value: Any) -> str:
    """A value as people read it: 12,345 · 0.0312 · yes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not isfinite(value):
        return "unknown"
    if isinstance(value, float) and value != int(value):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{int(value):,}" if isinstance(value, (int, float)) else str(value)


def heading(name: str) -> str:
    """A key as the heading of a column: throughput_per_s → throughput (per second)."""
    named = fact(name, None)
    return words(named["name"]) + (f" ({named['unit']})" if named["unit"] else "")


def words(name: str) -> str:
    """A key as words: words_per_sample → words per sample."""
    return name.replace("_", " ")
