"""What finished runs came to, kept in `img/result.json`: the only measured numbers that the repository shows.

They are read from the stages, never typed; the picture of the result and the table in the README are made from them.
"""

import json
from pathlib import Path

from mlfpga.artifacts import course_root, writing
from mlfpga.course.measures import SAMPLES, leading, measures
from mlfpga.course.stages import METRICS, StageError, case_of, record, stage_folder, stale_because

FILE = "img/result.json"

# The stages that measure accuracy, in order, and what they are called.
MEASURED = {"training": "Float", "compression": "Compressed", "accelerator": "C simulation", "board": "Virtual board"}

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def take(dataset: str) -> dict:
    """What the finished stages of a dataset recorded. Raises StageError if one is missing, stale, or from a real board.

    (The record is of what anybody can repeat on a laptop; an edition with boards tells its story in course_instances/.)
    """
    metrics = {}
    for name in MEASURED:
        if record(dataset, name) is None or stale_because(dataset, name):
            raise StageError(
                f"the stage {name} of {dataset} is not up to date; `mlfpga run --dataset {dataset}` makes it"
            )
        metrics[name] = json.loads((stage_folder(dataset, name) / METRICS).read_text())
    board = metrics["board"]
    if not board["virtual"]:
        raise StageError(f"the stage board of {dataset} was run on {board['device']}, not on the virtual board")
    return {
        # Of a recommender the share of sequences whose next item is among the ten best: what stands for accuracy there.
        "accuracy": {name: round(metrics[name][leading(case_of(dataset))], 4) for name in MEASURED},
        "samples": board["samples"],
        "words_compared": board["words_compared"],
        "words_equal": board["words_equal"],
        "weight_bits": metrics["compression"]["weight_bits"],
        "sparsity": round(metrics["compression"]["sparsity"], 4),
    }


def update(datasets: list[str]) -> dict[str, dict]:
    """Record these datasets anew and return the whole record; others keep theirs. Raises StageError as `take` does."""
    before = load() if (course_root() / FILE).is_file() else {}
    found = dict(sorted((before | {dataset: take(dataset) for dataset in datasets}).items()))
    with writing(course_root() / FILE) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")
    return found


def load() -> dict[str, dict]:
    """The record, by dataset."""
    return json.loads((course_root() / FILE).read_text())


def table(results: dict[str, dict]) -> str:
    """The record as a Markdown table."""
    heads = ["dataset", *MEASURED.values(), "output words equal to the C simulation's", "weights"]
    rows = [heads, ["---"] * len(heads)]
    for dataset, result in results.items():
        words = f"{result['words_equal']:,} of {result['words_compared']:,}"
        weights = f"at most {result['weight_bits']} bits, {result['sparsity']:.0%} zero"
        accuracies = [f"{result['accuracy'][name]:.2%}" for name in MEASURED]
        rows.append([f"{dataset} ({about(dataset, result)})", *accuracies, words, weights])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def about(dataset: str, result: dict) -> str:
    """What was measured, on how many samples: `accuracy on 360 test images`."""
    case = case_of(dataset)
    heading = measures(case)[leading(case)]
    return f"{heading.lower() if heading.isalpha() else heading} on {result['samples']:,} test {SAMPLES[case]}"


def with_table(text: str, results: dict[str, dict]) -> str:
    """A text with the table between its two markers. Raises ValueError if it has not both, in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the text must hold the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"


def write_into(path: Path, results: dict[str, dict]) -> None:
    """Put the table into a file, between its markers; the file is not touched if it says the same already."""
    text = path.read_text(encoding="utf-8")
    changed = with_table(text, results)
    if changed != text:
        with writing(path) as temporary:
            temporary.write_text(changed, encoding="utf-8")
