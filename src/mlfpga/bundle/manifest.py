"""What a bundle says of itself: `manifest.json`, read strictly, and its files checked against their SHA-256.

A copy of this file travels in every bundle; it needs nothing but the standard library (Python 3.10).
"""

import dataclasses
import hashlib
import json
import math
import typing
from dataclasses import dataclass
from pathlib import Path

SCHEMA = 2

CASES = ("mlp", "cnn", "rnn")


class BundleError(Exception):
    """A bundle that is not whole, or is not what its manifest says."""


@dataclass(frozen=True)
class Overlay:
    """The hardware: file names in the bundle, and names inside the block design.

    origin            what made it: "dry run", or "Vivado 2024.1" and the like
    dma, accelerator  names of the two IPs
    vlnv              vendor:library:name:version of the accelerator
    """

    bitstream: str
    handoff: str
    origin: str
    dma: str
    accelerator: str
    vlnv: str


@dataclass(frozen=True)
class Stream:
    """One sample on a stream; `formats.StreamFormat` gives it meaning."""

    number: str
    shape: tuple[int, ...]
    stream_bits: int
    words_per_sample: int
    pixels: int = 1


@dataclass(frozen=True)
class Expected:
    """What the bundle's own test vectors give, over so many samples, by stage: "float", "compressed", "c_simulation".

    accuracy  0 to 1
    ranking   top_1, top_5, top_10 and mrr_10, 0 to 1, of a network that ranks items; of another one, empty
    """

    samples: int
    accuracy: dict[str, float]
    ranking: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Manifest:
    """manifest.json; `folder` is where it was read.

    case  what a sample is: "cnn" a picture, "mlp" a row of numbers (a detector's pulse), "rnn" a sequence of items
    """

    schema: int
    name: str
    case: str
    board: str
    part: str
    clock_mhz: float
    overlay: Overlay
    input: Stream
    output: Stream
    classes: tuple[str, ...]
    vectors: str
    expected: Expected
    files: dict[str, str]
    folder: Path = dataclasses.field(default=Path("."), compare=False, metadata={"stored": False})

    def verify(self) -> None:
        """Raise BundleError naming the first file that is missing or differs from its SHA-256 here."""
        for name, expected in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise BundleError(f"{name} is missing from the bundle {self.folder}; copy the whole folder again")
            if sha256(path) != expected:
                raise BundleError(
                    f"{name} is not the file this bundle was made with (its SHA-256 differs from manifest.json); "
                    "copy the folder again, or make the bundle anew with `mlfpga bundle`"
                )

    def to_dict(self) -> dict:
        """The content of manifest.json."""
        entry = dataclasses.asdict(self)
        del entry["folder"]
        for side in ("input", "output"):
            if entry[side]["pixels"] == 1:
                del entry[side]["pixels"]
        return entry


def load(folder: "Path | str" = ".") -> Manifest:
    """Read `manifest.json` of a bundle; a missing, unknown or ill-typed entry raises BundleError naming it."""
    folder = Path(folder)
    path = folder / "manifest.json"
    try:
        entry = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{folder} is not a bundle: it has no manifest.json") from None
    except ValueError as error:  # of JSON, or of UTF-8
        raise BundleError(f"{path} is not JSON ({error}); copy the bundle again") from None
    if isinstance(entry, dict) and entry.get("schema") != SCHEMA:
        raise BundleError(
            f"{path} has schema {entry.get('schema')!r}; this reader knows {SCHEMA}: make the bundle anew"
        )
    manifest = dataclasses.replace(_read(Manifest, entry, "manifest.json"), folder=folder)
    if manifest.case not in CASES:
        raise BundleError(f"manifest.json: there is no case {manifest.case!r}; known are {', '.join(CASES)}")
    for name in (manifest.overlay.bitstream, manifest.overlay.handoff, manifest.vectors):
        if name not in manifest.files:
            raise BundleError(f"manifest.json names {name}, but has no SHA-256 for it in files")
    for name in manifest.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"manifest.json: files names {name!r}, which is outside the bundle")
    return manifest


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(kind, value, where: str):
    """`value`, from JSON, as the type `kind`; BundleError says where it does not fit."""
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif origin is None and type(value) is kind:
        return value
    wanted = {tuple: "a list", dict: "an object", int: "an integer", float: "a number", str: "a text"}
    raise BundleError(f"{where}: {json.dumps(value)[:40]} is not {wanted[origin or kind]}")


def _read_record(kind, value, where: str):
    if not isinstance(value, dict):
        raise BundleError(f"{where}: {json.dumps(value)[:40]} is not an object")
    stored = [f for f in dataclasses.fields(kind) if f.metadata.get("stored", True)]
    fields = {f.name: f.type for f in stored}
    for name in {f.name for f in stored if f.default is dataclasses.MISSING} - value.keys():
        raise BundleError(f"{where}: {name} is missing")
    for name in value.keys() - fields.keys():
        raise BundleError(f"{where}: {name} is not known; known are {', '.join(fields)}")
    return kind(**{name: _read(fields[name], value[name], f"{where}: {name}") for name in fields if name in value})
