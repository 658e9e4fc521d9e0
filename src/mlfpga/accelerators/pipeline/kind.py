"""From a network or a plan to an accelerator's folder."""

import json
import shutil
from pathlib import Path

from mlfpga.accelerators.contract import Accelerator
from mlfpga.accelerators.pipeline import network as networks
from mlfpga.accelerators.pipeline.export import save
from mlfpga.accelerators.pipeline.hdl import check_name, needed_files
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.package import component_xml
from mlfpga.accelerators.pipeline.plan import Plan, default_plan
from mlfpga.accelerators.pipeline.stages import blocks, input_format, output_format
from mlfpga.accelerators.pipeline.timing import cycles
from mlfpga.accelerators.pipeline.top import top_module
from mlfpga.artifacts import writing_folder


def build(design: Plan | Network, folder: Path | str, name: str | None = None) -> Accelerator:
    """Write the accelerator of an integer network and return it.

    design  a Plan, or a Network for the smallest plan there is
    folder  gets `ip/` (component.xml; hdl/ with the top module, the blocks it uses and their memory images), `network/`
            (the network's numbers for everyone else, see `export`), accelerator.json and simulation.json. It appears
            whole or not at all
    name    of the IP and its top module: lower-case letters, digits and _; None takes the network's

    Numbers travel in engineering units where the scale of the network's input or output is a power of two, else as the
    integers themselves. Raises NetworkError, PlanError or AcceleratorError, each with the way out.
    """
    plan = design if isinstance(design, Plan) else default_plan(design)
    name = name or plan.network.name
    check_name(name)
    networks.check(plan.network)
    chain = blocks(plan, name)
    with writing_folder(Path(folder)) as target:
        save(plan.network, target / "network")
        accelerator = Accelerator(
            name=name,
            top=name,
            vlnv=f"mlfpga:pipeline:{name}:1.0",
            kind="pipeline",
            input=input_format(plan),
            output=output_format(plan),
            folder=target,
            clock_mhz=plan.clock_mhz,
            settings=_settings(plan),
        )
        text = top_module(plan, name)
        hdl = target / "ip" / "hdl"
        hdl.mkdir(parents=True)
        sources = needed_files(text)
        for path in sources:
            shutil.copy(path, hdl / path.name)
        (hdl / f"{name}.sv").write_text(text)
        images = {file: image for block in chain for file, image in block.images.items()}
        for file, image in images.items():
            (hdl / file).write_text(image.text)
        files = [f"hdl/{file}" for file in (*(path.name for path in sources), f"{name}.sv", *images)]
        about = f"The network {plan.network.name} as a pipeline that keeps the course's accelerator contract"
        (target / "ip" / "component.xml").write_text(
            component_xml(accelerator.vlnv, about, accelerator.stream_bits, files)
        )
        _write_simulation(accelerator)
        accelerator.save()
    return Accelerator.load(folder)


def _settings(plan: Plan) -> dict:
    """What the plan says of each layer, and the cycles that it predicts for each stage."""
    layers = {
        layer.name: {
            "kind": type(layer).__name__,
            "output_shape": list(layer.output.shape),
            "output_bits": layer.output.bits,
            "folding": vars(plan.foldings[layer.name]),
        }
        for layer in plan.network.layers
    }
    return {
        "network": plan.network.name,
        "pixels_per_beat": plan.pixels_per_beat,
        "input_scale": plan.network.input.scale,
        "output_scale": plan.network.output.scale,
        "layers": layers,
        "cycles": {stage: int(count) for stage, count in cycles(plan).items()},
    }


def _write_simulation(accelerator: Accelerator) -> None:
    """Write simulation.json: which RTL stands for the accelerator."""
    description = {
        "kind": "rtl",
        "ip": "ip",
        "words_in": accelerator.input.words_per_sample,
        "words_out": accelerator.output.words_per_sample,
    }
    (accelerator.folder / "simulation.json").write_text(json.dumps(description, indent=2) + "\n")
