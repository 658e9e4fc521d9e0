"""An integer network as a folder of numbers that any RTL, Verilog's `$readmemh` and people can read.

    save(network, folder)      network.json, README.txt and the .hex files
    network = load(folder)     the same network, every file checked against network.json

The folder says what the network computes, not how much hardware computes it: no folding, no packing.

| file                      | one number a line | bits           | order, last one fastest                     |
|---------------------------|-------------------|----------------|---------------------------------------------|
| `<conv>_weights.hex`      | weight, signed    | `weights.bits` | output channel, row, column, input channel  |
| `<dense>_weights.hex`     | weight, signed    | `weights.bits` | output, input                               |
| `<layer>_biases.hex`      | bias, signed      | 32             | output channel                              |
| `<layer>_multipliers.hex` | unsigned          | 16             | output channel; for AvgPool2d one number    |
| `<layer>_shifts.hex`      | unsigned, 0 … 47  | 6              | output channel; for AvgPool2d one number    |

`network.json` holds everything else, and for each file its shape, count, bits, sign and sha256. `README.txt` says it
for people, with this network's own names and sizes; `load` does not read it.

A number is written in two's complement, in lower case, with as many hex digits as its bits need; digits that the bits
leave over are 0 (-1 in 3 bits is 7). Inputs of a Dense layer run over (row, column, channel) of what comes before it,
the channel fastest. A layer whose accumulators leave as they are has no multipliers and no shifts.

`network.json`: `format`, `version`, `name`, `requantize` (the formula), `input` and `layers`. A tensor has `shape`,
`bits`, `signed`, `scale` (real value = scale * integer). A layer has `name`, `kind` and `output`; by its kind also
`kernel`, `stride` [down, right], `padding` [top, bottom, left, right], `accumulator_bits` (two's complement, enough for
every input) and the entries of its files.
"""

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np

from mlfpga.accelerators.pipeline.arithmetic import ACCUMULATOR_BITS, MAX_SHIFT, MULTIPLIER_BITS
from mlfpga.accelerators.pipeline.bounds import layer_bounds
from mlfpga.accelerators.pipeline.layers import LAYERS, AvgPool2d, Conv2d, Dense, Layer, MaxPool2d, NetworkError, Tensor
from mlfpga.accelerators.pipeline.network import Network, check
from mlfpga.accelerators.pipeline.readme import readme
from mlfpga.artifacts import writing

FORMAT, VERSION = "mlfpga integer network", 1

_REQUANTIZE = (
    "clamp(floor((accumulator * multiplier + round) / 2^shift), low, high); round = 2^(shift-1) if shift > 0 else 0; "
    "low and high are the ends of the output's type"
)
# What a file is called, the layer's field it holds, bits (None: the layer's weight_bits), signed
_FILES = {
    "weights": ("weights", None, True),
    "biases": ("bias", ACCUMULATOR_BITS, True),
    "multipliers": ("multiplier", MULTIPLIER_BITS, False),
    "shifts": ("shift", MAX_SHIFT.bit_length(), False),
}


def save(network: Network, folder: Path | str) -> Path:
    """Write the folder's files, network.json last, and return the folder; other files in it stay.

    The .hex files of a network that was saved there before go. Raises NetworkError if the network fails `check`.
    """
    check(network)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        entry["file"]: _hex_text(values, entry["bits"])
        for layer in network.layers
        for _, values, entry in _tables(layer)
    }
    for name in _files_named_in(folder / "network.json") - set(texts):
        (folder / name).unlink(missing_ok=True)
    texts["README.txt"] = readme(network)
    texts["network.json"] = _pretty(_description(network))
    for name, text in texts.items():
        with writing(folder / name) as file:
            file.write_bytes(text.encode())
    return folder


def load(folder: Path | str) -> Network:
    """The network that `save` wrote into the folder.

    Raises NetworkError if there is none, and if a file does not match network.json (digits, count, range, digest) or
    network.json does not match itself: which file, and how.
    """
    folder = Path(folder)
    path = folder / "network.json"
    if not path.is_file():
        raise NetworkError(f"{folder} holds no network (no network.json); export one into it first")
    try:
        entry = json.loads(path.read_text())
    except ValueError as error:  # of JSON, of UTF-8
        raise NetworkError(f"{path} is not JSON: {error}; export the network again") from error
    if not isinstance(entry, dict) or entry.get("format") != FORMAT:
        raise NetworkError(f"{path} does not describe an integer network (format {FORMAT!r} is missing)")
    if entry.get("version") != VERSION:
        raise NetworkError(f"{path} has version {entry.get('version')!r}; this program reads version {VERSION}")
    try:
        network = Network(
            entry["name"],
            Tensor(**entry["input"]),
            [_layer(layer, folder) for layer in entry["layers"]],
        )
        check(network)
    except NetworkError as error:
        if str(folder) in str(error):
            raise
        raise NetworkError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise NetworkError(f"{path} does not describe a network: {reason}; export the network again") from error
    difference = _difference(entry, json.loads(_pretty(_description(network))))
    if difference:
        raise NetworkError(f"{path}: {difference}; export the network again")
    return network


def read_hex(path: Path | str, bits: int, signed: bool) -> np.ndarray:
    """The numbers of a .hex file as int64. Raises NetworkError for a line that is no number of so many bits."""
    path, digits = Path(path), _digits(bits)
    text = path.read_bytes().decode("utf-8", "replace")
    lines = text.removesuffix("\n").split("\n") if text else []
    numbers = np.empty(len(lines), np.int64)
    for index, line in enumerate(lines):
        if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", line):
            raise NetworkError(
                f"{path}, line {index + 1}: {line[:20]!r} is not {digits} hex digit{'s' if digits > 1 else ''}, which "
                f"a number of {bits} bits has"
            )
        numbers[index] = int(line, 16)
        if numbers[index] >> bits:
            raise NetworkError(f"{path}, line {index + 1}: {line} is more than {bits} bits hold")
    return np.where(numbers >> (bits - 1) == 1, numbers - (1 << bits), numbers) if signed else numbers


def _layer(entry: dict, folder: Path) -> Layer:
    kinds = {kind.__name__: kind for kind in LAYERS}
    if entry["kind"] not in kinds:
        raise NetworkError(
            f"layer {entry['name']}: there is no block for {entry['kind']}; the pipeline has {', '.join(kinds)}"
        )
    kind, fields = kinds[entry["kind"]], {"name": entry["name"], "output": Tensor(**entry["output"])}
    if kind in (Conv2d, Dense, AvgPool2d):
        for name, (field, bits, signed) in _FILES.items():
            if kind is not AvgPool2d or name in ("multipliers", "shifts"):
                fields[field] = None
                if name in entry or name in ("weights", "biases"):
                    bits = bits or _between(entry[name]["bits"], 1, ACCUMULATOR_BITS)
                    fields[field] = _numbers(entry[name], bits, signed, folder)
    if kind is AvgPool2d:
        fields |= {name: int(fields[name][0]) for name in ("multiplier", "shift")}
    if kind in (Conv2d, Dense):
        fields["weight_bits"] = entry["weights"]["bits"]
    if kind in (Conv2d, MaxPool2d, AvgPool2d):
        fields |= {name: entry[name] for name in ("stride", "padding")}
    if kind in (MaxPool2d, AvgPool2d):
        fields["kernel"] = entry["kernel"]
    return kind(**fields)


def _numbers(entry: dict, bits: int, signed: bool, folder: Path) -> np.ndarray:
    name, shape = entry["file"], tuple(entry["shape"])
    if not re.fullmatch(r"\w+\.hex", name):
        raise ValueError(f"{name!r} is no name of a .hex file beside it")
    path = folder / name
    if not path.is_file():
        raise NetworkError(f"{path} is missing; network.json names it: export the network again")
    numbers = read_hex(path, bits, signed)
    if len(numbers) != math.prod(shape):
        raise NetworkError(
            f"{path} holds {len(numbers):,} numbers; network.json says {math.prod(shape):,} "
            f"({' x '.join(str(n) for n in shape)})"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise NetworkError(
            f"{path} is not the file that network.json was written with: its sha256 begins with {digest[:12]}, not "
            f"with {str(entry['sha256'])[:12]}; export the network again"
        )
    return numbers.reshape(shape)


def _between(value, low: int, high: int) -> int:
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"bits {value!r} is outside {low} … {high}")
    return value


def _description(network: Network) -> dict:
    """What network.json says."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": network.name,
        "requantize": _REQUANTIZE,
        "input": _tensor(network.input),
        "layers": [_described(layer, tensor) for layer, tensor in zip(network.layers, network.tensors, strict=True)],
    }


def _described(layer: Layer, tensor: Tensor) -> dict:
    entry = {"name": layer.name, "kind": type(layer).__name__}
    for name in ("kernel", "stride", "padding"):
        if hasattr(layer, name):
            entry[name] = list(getattr(layer, name))
    if isinstance(layer, (Conv2d, Dense, AvgPool2d)):
        entry["accumulator_bits"] = layer_bounds(layer, tensor).accumulator_bits
    entry |= {name: file for name, _, file in _tables(layer)}
    return entry | {"output": _tensor(layer.output)}


def _tensor(tensor: Tensor) -> dict:
    return {"shape": list(tensor.shape), "bits": tensor.bits, "signed": tensor.signed, "scale": tensor.scale}


def _tables(layer: Layer) -> list[tuple[str, np.ndarray, dict]]:
    """For each .hex file of the layer: its kind ("weights", …), the numbers, its entry in network.json."""
    tables = []
    for name, (field, bits, signed) in _FILES.items():
        values = getattr(layer, field, None)
        if values is not None:
            values, bits = np.atleast_1d(values), bits or layer.weight_bits
            entry = {
                "file": f"{layer.name}_{name}.hex",
                "shape": list(values.shape),
                "count": values.size,
                "bits": bits,
                "signed": signed,
                "sha256": hashlib.sha256(_hex_text(values, bits).encode()).hexdigest(),
            }
            tables.append((name, values, entry))
    return tables


def _hex_text(values: np.ndarray, bits: int) -> str:
    mask, digits = (1 << bits) - 1, _digits(bits)
    return "".join(f"{value & mask:0{digits}x}\n" for value in values.ravel().tolist())


def _digits(bits: int) -> int:
    return -(-bits // 4)


def _pretty(entry: dict) -> str:
    """JSON with lists of numbers on one line, which is how people read shapes."""
    text = json.dumps(entry, indent=2, ensure_ascii=False)
    return re.sub(r"\[[\s\d,]*\]", lambda found: re.sub(r"\s+", "", found[0]).replace(",", ", "), text) + "\n"


def _difference(given, meant, where: str = "") -> str:
    """The first place where network.json says something else than its own numbers; empty if there is none."""
    if isinstance(given, dict) and isinstance(meant, dict):
        for key in meant.keys() | given.keys():
            if key not in given or key not in meant:
                return f"{where}{key} is {'missing' if key in meant else 'not known'}"
        pairs = [(f"{where}{key}", given[key], meant[key]) for key in meant]
    elif isinstance(given, list) and isinstance(meant, list) and len(given) == len(meant):
        place = where.removesuffix(".")
        pairs = [(f"{place}[{index}]", *pair) for index, pair in enumerate(zip(given, meant, strict=True))]
    else:
        same = given == meant and isinstance(given, bool) == isinstance(meant, bool)
        return "" if same else f"{where.removesuffix('.')} is {given!r}; the network's numbers make it {meant!r}"
    return next((found for place, *pair in pairs if (found := _difference(*pair, f"{place}."))), "")


def _files_named_in(path: Path) -> set[str]:
    """The .hex files of the network that was saved here before."""
    if not path.is_file():
        return set()
    names = rf'"file": "(\w+_(?:{"|".join(_FILES)})\.hex)"'
    return set(re.findall(names, path.read_text(errors="replace")))
