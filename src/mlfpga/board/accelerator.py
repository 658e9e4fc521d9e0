"""An accelerator on the bus: its AXI4-Lite control registers in front of a model of its streams.

The registers are those that Vitis HLS gives a kernel with block-level protocol ap_ctrl_hs (AMD UG1399, "S_AXILITE
Control Register Map"). The model computes whole samples; words that do not make a whole sample yet wait inside.
"""

from typing import Protocol

import numpy as np

from mlfpga.board.errors import BoardError
from mlfpga.board.stream import Stream

CONTROL, GLOBAL_ENABLE, ENABLE, STATUS = 0x00, 0x04, 0x08, 0x0C
AP_START, AP_DONE, AP_IDLE, AP_READY, AUTO_RESTART, INTERRUPT = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 7, 1 << 9
_DONE_EVENT, _READY_EVENT = 1 << 0, 1 << 1


class Model(Protocol):
    """What computes: see mlfpga.simulate.StreamModel."""

    stream_bits: int
    words_in: int
    words_out: int

    def run(self, words: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


class Accelerator:
    """One accelerator between the stream it reads and the stream it writes.

    It holds at most one result that nobody takes, then it stops taking input: real hardware has about that much room,
    and a program that needs more would hang there too. When the reader is ready, all samples up to the next TLAST go to
    the model in one call.

    running  starts with auto_restart set, as a kernel without control registers (ap_ctrl_none) does
    """

    def __init__(self, name: str, model: Model, source: Stream, sink: Stream, running: bool = False):
        for stream in (source, sink):
            if stream.bits != model.stream_bits:
                raise BoardError(
                    f"{name} has {model.stream_bits}-bit streams, but {stream.name} is {stream.bits} bits wide; "
                    "make both in one width (the design's and the accelerator's stream width parameter)"
                )
        self.name = name
        self.model = model
        self.source = source
        self.sink = sink
        self.samples = 0
        self.ever_started = running
        self._started = self._auto_restart = running
        self._done = self._ready = False
        self._global_enable = self._enable = self._status = 0
        self._words = np.empty(0, dtype=source.word_dtype)
        self._last = np.empty(0, dtype=bool)

    def read(self, offset: int) -> int:
        if offset == CONTROL:
            value = (
                self._started * AP_START
                | self._done * AP_DONE
                | (not self._started) * AP_IDLE
                | self._ready * AP_READY
                | self._auto_restart * AUTO_RESTART
                | self.interrupt * INTERRUPT
            )
            self._done = self._ready = False  # both clear on read
            return value
        return {GLOBAL_ENABLE: self._global_enable, ENABLE: self._enable, STATUS: self._status}.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == CONTROL:
            self._auto_restart = bool(value & AUTO_RESTART)
            if value & AP_START:
                self._started = self.ever_started = True
        elif offset == GLOBAL_ENABLE:
            self._global_enable = value & 1
        elif offset == ENABLE:
            self._enable = value & 3
        elif offset == STATUS:
            self._status ^= value & 3  # toggles on write

    @property
    def interrupt(self) -> bool:
        return bool(self._global_enable and self._status)

    def is_waiting(self, offset: int) -> bool:
        """Whether a program that reads `offset` again and again waits for a sample to be done."""
        return offset == CONTROL and not self._done

    def advance(self) -> bool:
        """Take input and give results as far as possible now; whether anything moved."""
        if not self._started or self.sink.waiting or not self.source.waiting:
            return False
        held = len(self._words)
        samples = self._samples_to_run(held)
        words, last = self.source.take(samples * self.model.words_in - held if samples else self.source.waiting)
        if held:
            words, last = np.concatenate([self._words, words]), np.concatenate([self._last, last])
        if samples:
            self.sink.offer(*self._compute(words, last))
            words, last = words[:0], last[:0]
            self._finish(samples)
        self._words, self._last = words, last
        return True

    def _samples_to_run(self, held: int) -> int:
        """Whole samples that go to the model at once; 0 if the input does not make one yet."""
        size = self.model.words_in
        whole = (held + self.source.waiting) // size
        if not self._auto_restart or not self.sink.ready:
            return min(whole, 1)
        packet_ends = np.flatnonzero(self.source.last[size - 1 - held :: size][:whole])
        return int(packet_ends[0]) + 1 if len(packet_ends) else whole

    def _compute(self, words: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out, out_last = self.model.run(words, last)
        return np.asarray(out, dtype=self.sink.word_dtype).reshape(-1), np.asarray(out_last, dtype=bool).reshape(-1)

    def _finish(self, samples: int) -> None:
        self.samples += samples
        self._status |= self._enable & (_DONE_EVENT | _READY_EVENT)
        if not self._auto_restart:
            self._started = False
            self._done = self._ready = True

    def conditions(self) -> list[str]:
        """One sentence: started or not, and what the streams hold."""
        took = self.samples * self.model.words_in + len(self._words)
        count = f"it took {took} words and finished {self.samples} samples"
        start = f"{self.name}.write(0x00, 0x81) starts it for good (ap_start and auto_restart)"
        if not self.ever_started:
            return [f"{self.name} was never started; {start}"]
        if not self._started:
            return [f"{self.name} stopped after its sample, because auto_restart is off: {count}; {start}"]
        if self.sink.waiting:
            return [
                f"{self.name} cannot give its result of {self.sink.waiting} words: nobody receives; {count}. "
                "Arm the receive channel before the send channel"
            ]
        if len(self._words):
            return [
                f"{self.name} runs and has {len(self._words)} of the {self.model.words_in} words of a sample: {count}. "
                "Send whole samples"
            ]
        return [f"{self.name} runs and waits for input: {count}"]


class MissingModel:
    """An IP of the overlay that nothing simulates; touching it says so."""

    def __init__(self, name: str, vlnv: str, way_out: str):
        self.name = name
        self.message = f"{name} ({vlnv}) has no simulation model; {way_out}"

    def read(self, offset: int) -> int:
        raise BoardError(self.message)

    def write(self, offset: int, value: int) -> None:
        raise BoardError(self.message)

    def is_waiting(self, offset: int) -> bool:
        return False

    def advance(self) -> bool:
        return False

    def conditions(self) -> list[str]:
        return [self.message]
