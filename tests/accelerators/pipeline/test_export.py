"""The exported folder: read back by `load`, read by someone who knows only its layout, and refused when damaged."""

import json
import shutil

import numpy as np
import pytest
from networks import random_inputs, random_network

from mlfpga.accelerators.pipeline.export import load, read_hex, save
from mlfpga.accelerators.pipeline.layers import Argmax, AvgPool2d, Conv2d, Dense, MaxPool2d, NetworkError, Tensor
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.reference import run

RNG = np.random.default_rng(4)
CONV = Conv2d(
    "conv",
    RNG.integers(-16, 16, (3, 2, 3, 2)),
    [-1, 0, 70_000],
    [1, 40_000, 300],
    [0, 47, 10],
    5,
    (2, 1),
    (1, 0, 0, 2),
    Tensor((3, 6, 3), 3, False, 0.1),
)
MEAN = AvgPool2d("mean", (3, 2), (1, 2), (0, 0, 0, 0), 683, 12, Tensor((1, 3, 3), 3, False, 0.1))
DENSE = Dense("fc", RNG.integers(-4, 4, (4, 9)), [1, 2, 3, -4], None, None, 3, Tensor((4,), 32, True, 1 / 3))
NETWORK = Network(
    "small", Tensor((5, 6, 2), 8, True, 1 / 255), (CONV, MEAN, DENSE, Argmax("top", Tensor((1,), 2, False)))
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save(NETWORK, tmp_path_factory.mktemp("export") / "a" / "small")


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to damage."""
    return shutil.copytree(saved, tmp_path / "small")


def refusal(folder):
    with pytest.raises(NetworkError) as error:
        load(folder)
    return str(error.value)


def edit(folder, change):
    """Change network.json as someone with an editor would."""
    path = folder / "network.json"
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))
    return path


@pytest.mark.parametrize("kind", ["any", "conv", "dense"])
def test_what_was_saved_comes_back(kind, tmp_path):
    for seed in range(8):
        network = random_network(seed, kind=kind)
        assert load(save(network, tmp_path / str(seed))) == network


def test_saving_twice_gives_the_same_bytes(saved, tmp_path):
    again = save(load(saved), tmp_path)
    assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in saved.iterdir())
    for path in saved.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_the_files(saved):
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.txt",
        *(f"conv_{name}.hex" for name in ("biases", "multipliers", "shifts", "weights")),
        *(f"fc_{name}.hex" for name in ("biases", "weights")),
        *(f"mean_{name}.hex" for name in ("multipliers", "shifts")),
        "network.json",
    ]
    assert (saved / "conv_biases.hex").read_bytes() == b"ffffffff\n00000000\n00011170\n"
    assert (saved / "conv_multipliers.hex").read_bytes() == b"0001\n9c40\n012c\n"
    assert (saved / "conv_shifts.hex").read_bytes() == b"00\n2f\n0a\n"
    assert (saved / "mean_multipliers.hex").read_bytes() == b"02ab\n"
    assert (saved / "mean_shifts.hex").read_bytes() == b"0c\n"


@pytest.mark.parametrize("bits, text", [(2, "3 2 1"), (3, "7 4 3"), (4, "f 8 7"), (5, "1f 10 0f"), (8, "ff 80 7f")])
def test_twos_complement_in_just_enough_digits(bits, text, tmp_path):
    weights = [[-1, -(1 << (bits - 1)), (1 << (bits - 1)) - 1]]
    layer = Dense("fc", weights, [0], None, None, bits, Tensor((1,), 32, True))
    save(Network("n", Tensor((3,), 8, False), [layer]), tmp_path)
    assert (tmp_path / "fc_weights.hex").read_text() == text.replace(" ", "\n") + "\n"
    assert read_hex(tmp_path / "fc_weights.hex", bits, signed=True).tolist() == weights[0]


def foreign_reader(folder, x):
    """Someone else's program: only the description of the files, Python's integers, and loops."""
    description = json.loads((folder / "network.json").read_text())

    def numbers(entry):
        values = [int(line, 16) for line in (folder / entry["file"]).read_text().split()]
        return [v - 2 ** entry["bits"] if entry["signed"] and v >= 2 ** (entry["bits"] - 1) else v for v in values]

    height, width, channels = description["input"]["shape"]
    image = {(r, c, i): int(x[r, c, i]) for r in range(height) for c in range(width) for i in range(channels)}
    for layer in description["layers"]:
        out, table = (
            layer["output"],
            {n: numbers(layer[n]) for n in ("weights", "biases", "multipliers", "shifts") if n in layer},
        )
        low = -(2 ** (out["bits"] - 1)) if out["signed"] else 0
        high = low + 2 ** out["bits"] - 1
        result = {}
        if layer["kind"] == "Conv2d":
            (_, kh, kw, inputs), (top, _, left, _), (down, right) = (
                layer["weights"]["shape"],
                layer["padding"],
                layer["stride"],
            )
            for r, c, o in np.ndindex(*out["shape"]):
                result[r, c, o] = table["biases"][o] + sum(
                    table["weights"][((o * kh + y) * kw + k) * inputs + i]
                    * image.get((r * down + y - top, c * right + k - left, i), 0)
                    for y in range(kh)
                    for k in range(kw)
                    for i in range(inputs)
                )
        elif layer["kind"] == "AvgPool2d":
            (kh, kw), (top, _, left, _), (down, right) = layer["kernel"], layer["padding"], layer["stride"]
            for r, c, o in np.ndindex(*out["shape"]):
                result[r, c, o] = sum(
                    image.get((r * down + y - top, c * right + k - left, o), 0) for y in range(kh) for k in range(kw)
                )
        elif layer["kind"] == "Dense":
            flat = [image[place] for place in sorted(image)]
            for o in range(out["shape"][0]):
                row = table["weights"][o * len(flat) : (o + 1) * len(flat)]
                result[o, 0, 0] = table["biases"][o] + sum(w * v for w, v in zip(row, flat, strict=True))
        elif layer["kind"] == "Argmax":
            flat = [image[place] for place in sorted(image)]
            result[0, 0, 0] = flat.index(max(flat))
        for place, acc in result.items():
            if "accumulator_bits" in layer:
                assert -(2 ** (layer["accumulator_bits"] - 1)) <= acc < 2 ** (layer["accumulator_bits"] - 1)
            if "multipliers" in table:
                channel = place[-1] if len(table["shifts"]) > 1 else 0
                shift = table["shifts"][channel]
                acc = (acc * table["multipliers"][channel] + (2 ** (shift - 1) if shift else 0)) >> shift
                result[place] = min(max(acc, low), high)
        image = result
    return [image[place] for place in sorted(image)]


def test_someone_elses_program_can_read_it(saved):
    for network in (NETWORK, NETWORK.upto("fc"), NETWORK.upto("conv")):
        x = random_inputs(network, 3, 1)
        folder = save(network, saved.parent / "foreign")
        assert [foreign_reader(folder, sample) for sample in x] == run(network, x).reshape(len(x), -1).tolist()


def test_someone_elses_folder_stays_and_the_old_network_goes(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "other_weights.hex").write_text("0\n")
    save(NETWORK.upto("conv"), folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.txt",
        *(f"conv_{name}.hex" for name in ("biases", "multipliers", "shifts", "weights")),
        "network.json",
        "notes.txt",
        "other_weights.hex",
    ]
    assert load(folder) == NETWORK.upto("conv")


def test_a_network_that_fails_its_check_is_not_written(tmp_path):
    with pytest.raises(NetworkError, match="^small has no layers; it needs at least one$"):
        save(Network("small", NETWORK.input, ()), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_json_is_for_reading(saved):
    text = (saved / "network.json").read_text()
    assert '"shape": [5, 6, 2],' in text and '"padding": [1, 0, 0, 2],' in text
    entry = json.loads(text)
    assert (entry["format"], entry["version"], entry["name"]) == ("mlfpga integer network", 1, "small")
    assert list(entry["layers"][2]) == ["name", "kind", "accumulator_bits", "weights", "biases", "output"]


def test_readme_is_one_page_and_counts_right(saved):
    text = (saved / "README.txt").read_text()
    assert len(text.splitlines()) <= 60 and max(map(len, text.splitlines())) <= 120
    assert "conv_weights.hex, 5 bits signed: 0-based line of [o, y, x, i] is ((o*2 + y)*3 + x)*2 + i\n" in text
    assert "fc_weights.hex, 3 bits signed: 0-based line of [o, n] is o*9 + n\n" in text
    assert "logic signed [4:0] weights [36];\n" in text
    assert text.endswith(f"// weights[0] is {CONV.weights[0, 0, 0, 0]}\n")
    assert "MaxPool2d" not in text and "AvgPool2d acc = " in text
    row = next(line for line in text.splitlines() if line.startswith("conv "))
    assert row.split() == "conv Conv2d 3x6x3 unsigned 3 bits 2x3 2x1 1,0,0,2 36 x 5 bits 18 bits".split()


def test_readme_of_a_network_without_weights(tmp_path):
    pool = MaxPool2d("pool", (2, 2), (1, 1), (0, 0, 0, 0), Tensor((4, 5, 2), 8, True))
    network = Network("pool", Tensor((5, 6, 2), 8, True), [pool])
    assert load(save(network, tmp_path)) == network
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.txt", "network.json"]
    assert ".hex" not in (tmp_path / "README.txt").read_text()


@pytest.mark.parametrize(
    "damage, text",
    [
        (lambda s: s[:-3], "{file} holds 35 numbers; network.json says 36 (3 x 2 x 3 x 2)"),
        (lambda s: s + "00\n", "{file} holds 37 numbers; network.json says 36 (3 x 2 x 3 x 2)"),
        (lambda s: "", "{file} holds 0 numbers; network.json says 36 (3 x 2 x 3 x 2)"),
        (lambda s: "0z" + s[2:], "{file}, line 1: '0z' is not 2 hex digits, which a number of 5 bits has"),
        (lambda s: s[:3] + "1" + s[5:], "{file}, line 2: '1' is not 2 hex digits, which a number of 5 bits has"),
        (lambda s: s[:3] + "001" + s[5:], "{file}, line 2: '001' is not 2 hex digits, which a number of 5 bits has"),
        (lambda s: s[:3] + "-1" + s[5:], "{file}, line 2: '-1' is not 2 hex digits, which a number of 5 bits has"),
        (lambda s: s + "\n", "{file}, line 37: '' is not 2 hex digits, which a number of 5 bits has"),
        (lambda s: s[:3] + "20" + s[5:], "{file}, line 2: 20 is more than 5 bits hold"),
    ],
)
def test_a_hex_file_with_other_lines(folder, damage, text):
    path = folder / "conv_weights.hex"
    path.write_text(damage(path.read_text()))
    assert refusal(folder) == text.format(file=path)


def test_a_hex_file_with_windows_line_ends(folder):
    path = folder / "fc_weights.hex"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    first = path.read_text().splitlines()[0]
    assert refusal(folder) == f"{path}, line 1: '{first}\\r' is not 1 hex digit, which a number of 3 bits has"


def test_a_hex_file_with_other_numbers(folder):
    path = folder / "conv_biases.hex"
    path.write_text("ffffffff\n00000001\n00011170\n")
    message = refusal(folder)
    assert message.startswith(f"{path} is not the file that network.json was written with: its sha256 begins with ")
    assert message.endswith("; export the network again")
    digest = json.loads((folder / "network.json").read_text())["layers"][0]["biases"]["sha256"]
    assert f", not with {digest[:12]};" in message


def test_a_hex_file_of_another_layer(folder):
    shutil.copy(folder / "fc_biases.hex", folder / "conv_biases.hex")
    assert refusal(folder) == f"{folder / 'conv_biases.hex'} holds 4 numbers; network.json says 3 (3)"


def test_a_hex_file_that_is_not_there(folder):
    (folder / "mean_shifts.hex").unlink()
    assert refusal(folder) == (
        f"{folder / 'mean_shifts.hex'} is missing; network.json names it: export the network again"
    )


def test_a_folder_without_a_network(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path} holds no network (no network.json); export one into it first"


def set_at(*keys):
    """A change of network.json: the last of `keys` is the new value (… removes the key)."""
    *path, key, value = keys

    def change(entry):
        for step in path:
            entry = entry[step]
        if value is ...:
            del entry[key]
        else:
            entry[key] = value

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (set_at("version", 2), " has version 2; this program reads version 1"),
        (set_at("format", "x"), " does not describe an integer network (format 'mlfpga integer network' is missing)"),
        (set_at("name", ...), " does not describe a network: 'name' is missing; export the network again"),
        (
            set_at("layers", 0, "stride", ...),
            " does not describe a network: 'stride' is missing; export the network again",
        ),
        (
            set_at("layers", 0, "weights", "file", "../secret.hex"),
            " does not describe a network: '../secret.hex' is no name of a .hex file beside it; export the "
            "network again",
        ),
        (
            set_at("layers", 0, "weights", "bits", 500),
            " does not describe a network: bits 500 is outside 1 … 32; export the network again",
        ),
        (
            set_at("layers", 0, "kind", "LSTM"),
            ": layer conv: there is no block for LSTM; the pipeline has Conv2d, Dense, MaxPool2d, AvgPool2d, "
            "ReLU, Argmax",
        ),
        (
            set_at("layers", 0, "output", "shape", [3, 7, 3]),
            ": layer conv: from (5, 6, 2) it gives (3, 6, 3); its output says (3, 7, 3)",
        ),
        (
            set_at("layers", 0, "accumulator_bits", 14),
            ": layers[0].accumulator_bits is 14; the network's numbers make it 18; export the network again",
        ),
        (
            set_at("layers", 0, "weights", "count", 37),
            ": layers[0].weights.count is 37; the network's numbers make it 36; export the network again",
        ),
        (
            set_at("layers", 0, "weights", "signed", 1),
            ": layers[0].weights.signed is 1; the network's numbers make it True; export the network again",
        ),
        (
            set_at("layers", 1, "dilation", 2),
            ": layers[1].dilation is not known; export the network again",
        ),
        (
            set_at("layers", 2, "biases", "bits", ...),
            ": layers[2].biases.bits is missing; export the network again",
        ),
    ],
)
def test_a_json_that_does_not_match(folder, change, text):
    path = edit(folder, change)
    assert refusal(folder) == f"{path}{text}"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": "mlfpga integer network", "version": 1, "name": 3}'])
def test_a_json_that_is_something_else(folder, text):
    (folder / "network.json").write_text(text)
    assert refusal(folder).startswith(f"{folder / 'network.json'} ")


def test_every_damaged_value_is_refused_by_name(folder):
    """Whatever someone puts in place of a value, the error is ours and names the folder."""
    original = json.loads((folder / "network.json").read_text())

    def places(entry, path=()):
        for key, value in entry.items() if isinstance(entry, dict) else enumerate(entry):
            yield (*path, key)
            if isinstance(value, (dict, list)):
                yield from places(value, (*path, key))

    count = 0
    for place in places(original):
        for wrong in (None, "x", -1, 1.5, [], {}, ...):
            if isinstance(place[-1], int) and wrong is ...:
                continue
            entry = json.loads(json.dumps(original))
            set_at(*place, wrong)(entry)
            if place in {("name",), *(("layers", n, "name") for n in range(4))} and wrong == "x":
                continue  # a good name; of a layer it does not fit the files' names, which is tested below
            if place[-1] == "scale" and wrong == 1.5:
                continue  # a good scale
            (folder / "network.json").write_text(json.dumps(entry))
            assert str(folder) in refusal(folder), (place, wrong)
            count += 1
    assert count > 500


def test_a_layer_renamed_by_hand(folder):
    path = edit(folder, set_at("layers", 0, "name", "x"))
    assert refusal(folder) == (
        f"{path}: layers[0].weights.file is 'conv_weights.hex'; the network's numbers make it 'x_weights.hex'; export "
        "the network again"
    )
