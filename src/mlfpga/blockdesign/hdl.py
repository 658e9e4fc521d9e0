"""What a module or an entity in a source file looks like from outside, before anything is inferred from it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModulePort:
    """A port: direction I, O or IO; `width` is an expression of the catalogue, None for a single wire.

    `attributes` are those that Vivado reads: X_INTERFACE_INFO, X_INTERFACE_PARAMETER.
    """

    name: str
    direction: str
    width: str | None = None
    attributes: dict = field(default_factory=dict, hash=False)


@dataclass
class Module:
    """A module: parameters that can be set and constants that follow from them (expressions or "text"), and ports."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    ports: dict[str, ModulePort] = field(default_factory=dict)
