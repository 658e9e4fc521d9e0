"""An IP's RTL as a StreamModel: whole samples in, whole results out."""

from pathlib import Path

import numpy as np

from mlfpga.simulate.model import read_description
from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import IpCore, open_ip
from mlfpga.simulate.rtl.simulation import RtlSimulation

# ap_start and auto_restart of the ap_ctrl_hs control register (AMD UG1399, "S_AXILITE Control Register Map").
_CONTROL, _START_FOR_GOOD = 0x00, 0x81
# Cycles without a word on any stream after which a core that is still busy counts as hung: 0.1 s at 100 MHz.
_PATIENCE = 10_000_000


class RtlModel:
    """The IP that a simulation folder names, as a StreamModel.

    `simulation.json` gives: `ip` (an archive or folder, relative to the simulation folder), `words_in` and `words_out`
    (per sample). The IP keeps the accelerator contract: one input and one output stream, of one width.

    core        the opened IP
    simulation  the running RTL, for its cycle stamps
    """

    def __init__(self, folder: Path | str):
        folder = Path(folder)
        description = read_description(folder)
        for key in ("ip", "words_in", "words_out"):
            if key not in description:
                raise RtlError(f"{folder / 'simulation.json'} does not say {key}; a simulation of kind rtl needs it")
        self.core = open_ip(folder / description["ip"])
        self._source, self._sink = _only_streams(self.core)
        self.top = self.core.top
        self.stream_bits = self.core.streams[self._source].bits
        self.words_in: int = description["words_in"]
        self.words_out: int = description["words_out"]
        self._start()

    def run(self, words: np.ndarray, last: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See StreamModel.run. Raises RtlError if the words are not whole samples or the core stops before the end.

        After that, and after a KeyboardInterrupt, the core is in the middle of a sample: the next run begins after a
        reset.
        """
        words = np.ascontiguousarray(words).reshape(-1)
        samples, rest = divmod(len(words), self.words_in)
        if rest:
            raise RtlError(f"{self.top} takes {self.words_in} words a sample; {len(words)} words are not whole samples")
        try:
            return self._run(words, last, samples * self.words_out)
        except BaseException:
            self._start()
            raise

    def _start(self) -> None:
        self.simulation = RtlSimulation(self.core)
        if self.core.registers:
            self.simulation.write(_CONTROL, _START_FOR_GOOD, next(iter(self.core.registers)))

    def _run(self, words: np.ndarray, last: np.ndarray | None, due: int) -> tuple[np.ndarray, np.ndarray]:
        self.simulation.offer(self._source, words, last)
        self.simulation.allow(self._sink, due)
        while due and self.simulation.waiting(self._sink) < due:
            ended = self.simulation.advance(_PATIENCE, until="full", quiet_cycles=_PATIENCE)
            if ended.quiet:
                self._explain_standstill(due)
        return self.simulation.collect(self._sink)

    def _explain_standstill(self, due: int) -> None:
        left = self.simulation.waiting(self._source)
        gave, _ = self.simulation.collect(self._sink)
        raise RtlError(
            f"{self.top} stands still: it gave {len(gave)} of {due} words and left {left} input words untaken; "
            f"check that a sample has {self.words_in} words in and {self.words_out} words out"
        )


def _only_streams(core: IpCore) -> tuple[str, str]:
    names = {role: [name for name, port in core.streams.items() if port.role == role] for role in ("slave", "master")}
    if len(names["slave"]) != 1 or len(names["master"]) != 1:
        raise RtlError(
            f"{core.vlnv} has {len(names['slave'])} input and {len(names['master'])} output streams; an accelerator "
            "has one of each"
        )
    source, sink = names["slave"][0], names["master"][0]
    bits = core.streams[source].bits, core.streams[sink].bits
    if bits[0] != bits[1] or bits[0] not in (32, 64):
        raise RtlError(f"{core.vlnv} has streams of {bits[0]} and {bits[1]} bits; choose 32 or 64 for both")
    return source, sink
