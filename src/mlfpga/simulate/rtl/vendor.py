"""Models of the vendor cores that HLS instantiates but ships encrypted: the floating-point operator (AMD PG060).

Whatever the operation, an exported core is a thin wrapper around one module, `floating_point_v7_1_NN`, whose
parameters say what it computes and how long it takes. One behavioural module under that name serves them all
(`floating_point.sv`); its arithmetic is in `floating_point.cpp`. Before it is exported, a core is only a Tcl script;
Vivado HLS exported it in VHDL even beside Verilog. For such a one the wrapper is written here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlfpga.simulate.rtl.errors import RtlError

_HERE = Path(__file__).parent
_MODULE = re.compile(r"\bfloating_point_v7_\d+_?\w*(?=\s*#\s*\()")
_INSTANCE = re.compile(r"\b(floating_point_(?:v7_\w+|model))\s*#\s*\((.*?)\)\s*\w+\s*\(", re.DOTALL)
_PARAMETER = re.compile(r"\.\s*(C_\w+)\s*\(\s*([^()]*?)\s*\)")
# Functions of the operator that the model does not compute.
_UNKNOWN = (
    "C_HAS_ACCUMULATOR_A",
    "C_HAS_ACCUMULATOR_S",
    "C_HAS_ACCUMULATOR_PRIMITIVE_A",
    "C_HAS_ACCUMULATOR_PRIMITIVE_S",
    "C_HAS_UNFUSED_MULTIPLY_ADD",
    "C_HAS_UNFUSED_MULTIPLY_SUB",
    "C_HAS_UNFUSED_MULTIPLY_ACCUMULATOR_A",
    "C_HAS_UNFUSED_MULTIPLY_ACCUMULATOR_S",
)
# What a wrapper need not say; the rest is 0. Single precision, without flow control, as HLS uses it.
_DEFAULTS = {
    "C_A_WIDTH": 32,
    "C_A_FRACTION_WIDTH": 24,
    "C_RESULT_WIDTH": 32,
    "C_RESULT_FRACTION_WIDTH": 24,
    "C_COMPARE_OPERATION": 8,
    "C_RATE": 1,
    "C_THROTTLE_SCHEME": 3,
    "C_A_TDATA_WIDTH": 32,
    "C_B_TDATA_WIDTH": 32,
    "C_C_TDATA_WIDTH": 32,
    "C_OPERATION_TDATA_WIDTH": 8,
    "C_RESULT_TDATA_WIDTH": 32,
    "C_A_TUSER_WIDTH": 1,
    "C_B_TUSER_WIDTH": 1,
    "C_C_TUSER_WIDTH": 1,
    "C_OPERATION_TUSER_WIDTH": 1,
    "C_RESULT_TUSER_WIDTH": 1,
}
_FUNCTIONS = (
    *("ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "SQRT", "COMPARE", "FIX_TO_FLT", "FLT_TO_FIX", "FLT_TO_FLT"),
    *("EXPONENTIAL", "LOGARITHM", "FMA", "FMS", "RECIP", "RECIP_SQRT", "ABSOLUTE"),
)
_USED = (
    *_DEFAULTS,
    *(f"C_HAS_{function}" for function in _FUNCTIONS),
    *("C_LATENCY", "C_HAS_ACLKEN", "C_HAS_ARESETN", "C_HAS_B", "C_HAS_C", "C_HAS_OPERATION", "C_FIXED_DATA_UNSIGNED"),
)


@dataclass(frozen=True)
class Core:
    """A floating-point core as a Tcl script or a VHDL wrapper describes it: its module's name and its parameters."""

    module: str
    parameters: tuple[tuple[str, int], ...]


def model_sources(texts: list[str], cores: Iterable[Core]) -> dict[str, str]:
    """File name -> text of the models that these Verilog texts and scripted cores need; none for most IPs.

    Raises RtlError for an operation that has no model.
    """
    used = sorted({name for text in texts for name in _MODULE.findall(text)})
    written = {f"{core.module}.sv": _wrapper(core) for core in cores}
    if written:
        used.append("floating_point_model")
        texts = [*texts, *written.values()]
    parameters = set(_USED)
    for text in texts:
        for module, assignments in _INSTANCE.findall(text):
            given = dict(_PARAMETER.findall(assignments))
            parameters |= set(given)
            _refuse_unknown(module, given)
    for name in used:
        written[f"{name}.sv"] = _model(name, sorted(parameters))
    return written


def _refuse_unknown(module: str, given: dict[str, str]) -> None:
    for parameter in _UNKNOWN:
        if given.get(parameter, "0") != "0":
            raise RtlError(f"{module} with {parameter} has no model; replace that operation in the HLS source")
    if given.get("C_THROTTLE_SCHEME", "3") not in ("3", "4"):
        raise RtlError(f"{module} with flow control (C_THROTTLE_SCHEME {given['C_THROTTLE_SCHEME']}) has no model")


def _model(name: str, parameters: list[str]) -> str:
    declared = ",\n    ".join(f"parameter {parameter} = {_DEFAULTS.get(parameter, 0)}" for parameter in parameters)
    template = (_HERE / "floating_point.sv").read_text()
    return template.replace("module floating_point", f"module {name}").replace("/* parameters */", declared)


def cores_of_vhdl(wrappers: list[Path], known: set[str]) -> list[Core]:
    """The floating-point cores whose wrapper is VHDL and that no Verilog file holds."""
    cores = []
    for wrapper in wrappers:
        text = wrapper.read_text("latin-1")
        entity = re.search(r"^\s*entity\s+(\w+)\s+is\b", text, re.IGNORECASE | re.MULTILINE)
        if entity is None or entity[1] in known or not re.search(r"\bfloating_point_v7_\d", text):
            continue
        parameters = {name.upper(): int(value) for name, value in re.findall(r"\b(C_\w+)\s*=>\s*(-?\d+)", text)}
        cores.append(Core(entity[1], tuple(sorted(parameters.items()))))
    return cores


def cores_of_scripts(scripts: list[Path], known: set[str]) -> list[Core]:
    """The floating-point cores that Tcl scripts create and no Verilog file holds.

    Raises RtlError if such a script creates another vendor core, or one with an operation that has no model.
    """
    cores = []
    for script in scripts:
        text = script.read_text("latin-1").replace("\\\n", " ")
        created = re.search(r"create_ip\s[^\n]*", text)
        module = re.search(r"-module_name\s+\{?(\w+)", created[0]) if created else None
        if module is None or module[1] in known:
            continue
        if not re.search(r"-name\s+\{?floating_point\b", created[0]):
            kind = re.search(r"-name\s+\{?(\w+)", created[0])
            raise RtlError(
                f"{script.name} creates the vendor core {kind[1] if kind else module[1]}, which has no model"
            )
        settings = re.findall(r"CONFIG\.(\w+)\s+(?:\{([^}]*)\}|(\S+?)(?=[\s\]]))", text)
        cores.append(_core(module[1], {key.lower(): braced or plain for key, braced, plain in settings}))
    return cores


_WIDTHS = {
    "half": (16, 11),
    "single": (32, 24),
    "double": (64, 53),
    "int32": (32, 0),
    "uint32": (32, 0),
    "int64": (64, 0),
}
_OPERATIONS = {
    "multiply": ("MULTIPLY",),
    "divide": ("DIVIDE",),
    "square_root": ("SQRT",),
    "compare": ("COMPARE",),
    "fixed_to_float": ("FIX_TO_FLT",),
    "float_to_fixed": ("FLT_TO_FIX",),
    "float_to_float": ("FLT_TO_FLT",),
    "exponential": ("EXPONENTIAL",),
    "logarithm": ("LOGARITHM",),
    "reciprocal": ("RECIP",),
    "rec_square_root": ("RECIP_SQRT",),
    "absolute": ("ABSOLUTE",),
}
_SIGNS = {
    ("add_subtract", "add"): ("ADD",),
    ("add_subtract", "subtract"): ("SUBTRACT",),
    ("add_subtract", "both"): ("ADD", "SUBTRACT"),
    ("fma", "add"): ("FMA",),
    ("fma", "subtract"): ("FMS",),
    ("fma", "both"): ("FMA", "FMS"),
}
_COMPARISONS = (
    *("unordered", "less_than", "equal", "less_than_or_equal", "greater_than", "not_equal", "greater_than_or_equal"),
    *("condition_code", "programmable"),
)


def _core(module: str, settings: dict[str, str]) -> Core:
    """Parameters of the core that a script's `CONFIG` settings (names in lower case) ask for."""
    operation = settings.get("operation_type", "Add_Subtract").lower()
    sign = settings.get("add_sub_value", "Both").lower()
    functions = _OPERATIONS.get(operation) or _SIGNS.get((operation, sign))
    if functions is None:
        raise RtlError(f"{module}: the floating-point operation {operation} has no model")
    a = _format(settings, "a", (32, 24))
    result = _format(settings, "result", a)
    comparison = settings.get("c_compare_operation", "Programmable").lower()
    if operation == "compare":
        result = (4 if comparison == "condition_code" else 1, 0)
    parameters = {f"C_HAS_{function}": 1 for function in functions}
    parameters |= {
        "C_A_WIDTH": a[0],
        "C_A_FRACTION_WIDTH": a[1],
        "C_RESULT_WIDTH": result[0],
        "C_RESULT_FRACTION_WIDTH": result[1],
        "C_LATENCY": int(settings.get("c_latency", 0)),
        "C_COMPARE_OPERATION": _COMPARISONS.index(comparison),
        "C_HAS_ACLKEN": int(settings.get("has_aclken", "false").lower() == "true"),
        "C_FIXED_DATA_UNSIGNED": int(settings.get("a_precision_type", "").lower().startswith("uint")),
        "C_HAS_B": int(operation in ("add_subtract", "multiply", "divide", "compare", "fma")),
        "C_HAS_C": int(operation == "fma"),
        "C_HAS_OPERATION": int(len(functions) > 1 or (operation == "compare" and comparison == "programmable")),
    }
    for port, bits in (("A", a[0]), ("B", a[0]), ("C", a[0]), ("RESULT", result[0])):
        parameters[f"C_{port}_TDATA_WIDTH"] = -(-bits // 8) * 8
    return Core(module, tuple(sorted(parameters.items())))


def _format(settings: dict[str, str], port: str, default: tuple[int, int]) -> tuple[int, int]:
    """(width, fraction width) of one side. A custom format gives an exponent width, or integer bits if it is fixed."""
    named = settings.get(f"{port}_precision_type", "").lower()
    if named in _WIDTHS:
        return _WIDTHS[named]
    if f"c_{port}_exponent_width" in settings:
        fraction = int(settings.get(f"c_{port}_fraction_width", 0))
        return int(settings[f"c_{port}_exponent_width"]) + fraction, fraction
    return default


def _wrapper(core: Core) -> str:
    widths = {**_DEFAULTS, **dict(core.parameters)}
    parameters = ", ".join(f".{name}({value})" for name, value in core.parameters)
    inputs = ["aclk", "aclken", "aresetn"]
    ports = [f"input wire {name}" for name in inputs]
    for name, width in (("a", "C_A"), ("b", "C_B"), ("c", "C_C"), ("operation", None)):
        bits = widths[f"{width}_TDATA_WIDTH"] if width else 8
        ports += [f"input wire s_axis_{name}_tvalid", f"input wire [{bits - 1}:0] s_axis_{name}_tdata"]
        inputs += [f"s_axis_{name}_tvalid", f"s_axis_{name}_tdata"]
    ports += [
        "output wire m_axis_result_tvalid",
        f"output wire [{widths['C_RESULT_TDATA_WIDTH'] - 1}:0] m_axis_result_tdata",
    ]
    inputs += ["m_axis_result_tvalid", "m_axis_result_tdata"]
    connections = ", ".join(f".{name}({name})" for name in inputs)
    return (
        f"module {core.module} ({', '.join(ports)});\n"
        f"  floating_point_model #({parameters}) core ({connections});\n"
        "endmodule\n"
    )
