"""How quickly an IP's RTL starts and runs: one fresh process of it.

    python -m mlfpga.course.figures.rtl_run IP CPU_SECONDS [VECTORS]

Opens the IP (builds it, if the cache does not hold it) and prints the line "ready". With CPU_SECONDS above zero it then
starts the IP, streams words into it for so long, back to back, and prints one line of JSON. The words are random; or
those of VECTORS, an npz file with `inputs` and `expected`, over and over, and then what comes out is compared.
"""

import json
import sys
import time

import numpy as np

from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip

START_FOR_GOOD = 0x81
_CHUNK = 50_000
_WORDS = 200_000


def main(ip: str, cpu_seconds: str = "0", vectors: str | None = None) -> None:
    """See the module's text."""
    with RtlSimulation(open_ip(ip)) as simulation:
        print("ready", flush=True)
        if float(cpu_seconds) > 0:
            start(simulation)
            known = np.load(vectors) if vectors else None
            result = stream(simulation, float(cpu_seconds), *((known["inputs"], known["expected"]) if known else ()))
            print(json.dumps(result), flush=True)


def start(simulation: RtlSimulation) -> None:
    """Set ap_start and auto_restart at every register interface that has them."""
    for name, interface in simulation.core.registers.items():
        if any(register.offset == 0 for register in interface.registers):
            simulation.write(0, START_FOR_GOOD, name)


def stream(
    simulation: RtlSimulation, cpu_seconds: float, inputs: np.ndarray | None = None, expected: np.ndarray | None = None
) -> dict:
    """Words into every input, whenever it takes one, for `cpu_seconds`: the cycles, wall and CPU seconds, words out.

    inputs    words for every input, over and over; None for random ones
    expected  words of the only output that answer `inputs`
    Raises RtlError if no word comes out, or another than expected.
    """
    core = simulation.core
    sinks = [name for name, port in core.streams.items() if port.role == "master"]
    for name in sinks:
        simulation.allow(name, None)
    offers = {
        name: _words(simulation, name) if inputs is None else inputs for name in core.streams if name not in sinks
    }
    given: dict[str, list[np.ndarray]] = {name: [] for name in sinks}
    begun, wall, cpu = simulation.cycle, time.perf_counter(), time.process_time()
    while time.process_time() - cpu < cpu_seconds:
        for name, words in offers.items():
            if simulation.waiting(name) < _CHUNK:
                simulation.offer(name, words)
        simulation.advance(_CHUNK)
        for name in sinks:
            given[name].append(simulation.collect(name)[0])
    wall, cpu, cycles = time.perf_counter() - wall, time.process_time() - cpu, simulation.cycle - begun
    outputs = {name: np.concatenate(parts) for name, parts in given.items()}
    words = sum(map(len, outputs.values()))
    if not words:
        raise RtlError(f"{core.vlnv} gave no word in {cycles:,} cycles; the speed of an idle accelerator says nothing")
    if expected is not None:
        for name, got in outputs.items():
            wrong = int((got != np.resize(expected, len(got))).sum())
            if wrong:
                raise RtlError(f"{core.vlnv}: {wrong:,} of {len(got):,} words at {name} are not the expected ones")
    return {"cycles": cycles, "seconds": wall, "cpu_seconds": cpu, "words": words}


def _words(simulation: RtlSimulation, port: str) -> np.ndarray:
    dtype, bits = simulation.word_dtype(port), simulation.core.streams[port].bits
    shape = (_WORDS, -(-bits // 64)) if bits > 64 else _WORDS
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
