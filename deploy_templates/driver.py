"""Drives the accelerator of this bundle: numbers in, numbers out.

    from driver import Accelerator

    with Accelerator() as accelerator:
        y = accelerator.predict(x)
        print(accelerator.last)

Needs NumPy and pynq, and from the bundle `manifest.py` and `formats.py`. The same file runs on an AUP-ZU3 and on the
virtual one; a measurement says which of the two it was taken on.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from formats import FormatError, StreamFormat
from manifest import load
from pynq import Overlay, allocate

# Control register of the accelerator (AMD UG1399, ap_ctrl_hs)
_CONTROL = 0x00
_START_FOR_GOOD = 0x81  # ap_start, and auto_restart: the next sample begins by itself
_CONTROL_BITS = {0: "ap_start", 1: "ap_done", 2: "ap_idle", 3: "ap_ready", 7: "auto_restart"}
# Status registers of AXI DMA (AMD PG021)
_STATUS = {"MM2S (send)": 0x04, "S2MM (receive)": 0x34}
_STATUS_BITS = {
    0: "halted",
    1: "idle",
    4: "internal error (on receive: the result was longer than the buffer)",
    5: "slave error",
    6: "decode error (no memory at the buffer's address)",
}


class DriverError(RuntimeError):
    """The overlay is not the one the manifest describes, or the hardware did not answer."""


@dataclass(frozen=True)
class Measurement:
    """What one call measured.

    samples    that went through the accelerator
    transfers  DMA transfers in each direction that this took
    seconds    from the packed words in an ordinary array to the result words in one: copying, DMA, accelerator
    virtual    True when the board is the virtual one: then the time is the simulation's
    cycles     of the logic's clock in which transfers were under way; None on a board, which does not count them, and
               where the virtual board runs a C simulation, which has no clock
    clock_mhz  frequency of that clock
    """

    samples: int
    transfers: int
    seconds: float
    virtual: bool
    cycles: int | None = None
    clock_mhz: float = 100.0

    @property
    def throughput_per_s(self) -> float:
        """Samples in one second."""
        return self.samples / self.seconds if self.samples else 0.0

    @property
    def logic_throughput_per_s(self) -> float | None:
        """Samples in one second as the logic gives them, without the CPU's part; None where cycles are unknown."""
        return self.samples * self.clock_mhz * 1e6 / self.cycles if self.cycles else None

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds from one sample to its result; None for a batch, whose samples overlap in the accelerator."""
        return 1000 * self.seconds if self.samples == 1 else None

    def __str__(self) -> str:
        where = "virtual board: the simulation's time, not the board's" if self.virtual else "board"
        if self.samples == 1:
            said = f"1 sample in {self.latency_ms:.3f} ms ({where})"
        else:
            said = f"{self.samples:,} samples in {self.seconds:.4f} s, {self.throughput_per_s:,.0f} samples/s ({where})"
        if self.cycles:
            said += (
                f"; the logic took {self.cycles:,} cycles at {self.clock_mhz:g} MHz, "
                f"{self.logic_throughput_per_s:,.0f} samples/s as a board's logic gives them"
            )
        return said


class Accelerator:
    """The accelerator of a bundle, loaded and started.

    folder        of the bundle
    timeout_s     how long one transfer may take before DriverError is raised
    buffer_bytes  largest DMA buffer to allocate; larger batches go in several transfers

    Raises BundleError if a file of the bundle is missing or changed, DriverError if the overlay is not what the
    manifest says. Attributes: `manifest`, `overlay`, `input` and `output` (StreamFormat), `samples_per_transfer`,
    `clock_mhz` (of the logic), `virtual`, `board` (its name), and `last`, the Measurement of the last call (None before
    it).
    """

    def __init__(self, folder: str | Path = ".", timeout_s: float = 10.0, buffer_bytes: int = 8 << 20):
        folder = Path(folder).resolve()
        self.manifest = load(folder)
        self.manifest.verify()
        self.input = _stream_format("input", self.manifest.input)
        self.output = _stream_format("output", self.manifest.output)
        self.timeout_s = timeout_s
        self.last: Measurement | None = None
        # The description is checked before the logic is reprogrammed with something that does not fit.
        self.overlay = Overlay(str(folder / self.manifest.overlay.bitstream), download=False)
        self.virtual = bool(getattr(self.overlay.device, "virtual", False))
        # A clock that the board cannot divide its PLLs down to becomes the next slower one, which is as good.
        self.clock_mhz = float(self.overlay.clock_dict[0]["frequency"])
        dma = self._check_overlay()
        self.samples_per_transfer = self._transfer_limit(dma, buffer_bytes)
        self.board = self.overlay.device.name if self.virtual else self.manifest.board
        self._buffers: dict[int, tuple] = {}
        self._under_way = False
        self._closed = False
        self.reset()

    def predict(self, x, saturate: bool = False) -> np.ndarray:
        """Results (n, *output.shape) of samples `x` (n, *input.shape), both in engineering units.

        Raises FormatError for another shape, RangeError for a value that the input format cannot hold, unless
        `saturate`: then it becomes the nearest value that it can.
        """
        return self.output.decode(self.predict_raw(self.input.encode(x, saturate)))

    def predict_raw(self, words) -> np.ndarray:
        """Result words (n, output.words_per_sample) of samples in stream words (n, input.words_per_sample)."""
        words = np.asarray(words)
        if words.ndim != 2 or words.shape[1] != self.input.words_per_sample:
            raise FormatError(
                f"words have shape {words.shape}; expected (n, {self.input.words_per_sample}), n samples of "
                f"{self.input.words_per_sample} words"
            )
        if words.dtype != self.input.word_dtype:
            raise FormatError(
                f"words are {words.dtype}; the stream takes {self.input.word_dtype}. input.encode(x) makes them"
            )
        if self._closed:
            raise DriverError("this accelerator was closed; make a new one with Accelerator()")
        results = np.empty((len(words), self.output.words_per_sample), dtype=self.output.word_dtype)
        starts = range(0, len(words), self.samples_per_transfer)
        cycles, began = self._cycles(), time.perf_counter()
        for start in starts:
            part = slice(start, start + self.samples_per_transfer)
            results[part] = self._exchange(words[part])
        seconds = time.perf_counter() - began
        cycles = None if cycles is None else self._cycles() - cycles
        self.last = Measurement(len(words), len(starts), seconds, self.virtual, cycles, self.clock_mhz)
        return results

    def measure_latency(self, x, repeats: int = 100) -> float:
        """Median of the milliseconds from one sample to its result, the samples `x` (n, *input.shape) one at a time."""
        words = self.input.encode(x)
        if not len(words) or repeats < 1:
            raise FormatError(
                f"{len(words)} samples, {repeats} repeats: to measure a latency give at least one of each"
            )
        times = []
        for repeat in range(repeats):
            index = repeat % len(words)
            self.predict_raw(words[index : index + 1])
            times.append(self.last.latency_ms)
        return median(times)

    def reset(self) -> None:
        """Load the overlay afresh and start the accelerator: the way out after a transfer that went wrong."""
        self.overlay.download()
        self._dma = getattr(self.overlay, self.manifest.overlay.dma)
        self._ip = getattr(self.overlay, self.manifest.overlay.accelerator)
        self._dma.sendchannel.start()
        self._dma.recvchannel.start()
        self._ip.write(_CONTROL, _START_FOR_GOOD)
        self._under_way = False

    def close(self) -> None:
        """Give the DMA buffers back."""
        self._closed = True
        for pair in self._buffers.values():
            for buffer in pair:
                buffer.freebuffer()
        self._buffers.clear()

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _exchange(self, words: np.ndarray) -> np.ndarray:
        """Send the words of some samples in one transfer and return what comes back (a view of the buffer)."""
        if self._under_way:
            raise DriverError(
                "the last call was interrupted or failed, and its transfer may still be under way. "
                "Call reset() before the next try"
            )
        send, receive = (buffer[: len(words)] for buffer in self._pair(len(words)))
        send[:] = words
        # Receive first: results that find no buffer stop the accelerator, and then the send never ends.
        self._under_way = True
        self._dma.recvchannel.transfer(receive)
        self._dma.sendchannel.transfer(send)
        self._wait()
        if self._dma.recvchannel.transferred != receive.nbytes:
            raise DriverError(
                f"{self._dma.recvchannel.transferred} bytes came back for {len(words)} samples; expected "
                f"{receive.nbytes}: the overlay's accelerator does not give what the manifest says. "
                "Call reset() before the next try"
            )
        self._under_way = False
        return receive

    def _cycles(self) -> int | None:
        """Cycles in which transfers were under way so far, which the virtual board counts if it runs RTL."""
        count = getattr(self.overlay.device, "busy_cycles", None)
        return count() if count else None

    def _pair(self, samples: int) -> tuple:
        """A send and a receive buffer for at least `samples`; sizes are powers of two, each allocated once.

        pynq flushes and invalidates whole buffers, so a single sample must not travel in a buffer for thousands.
        """
        capacity = min(1 << (samples - 1).bit_length(), self.samples_per_transfer)
        if capacity not in self._buffers:
            self._buffers[capacity] = tuple(
                allocate((capacity, stream.words_per_sample), dtype=stream.word_dtype)
                for stream in (self.input, self.output)
            )
        return self._buffers[capacity]

    def _wait(self) -> None:
        channels = (self._dma.sendchannel, self._dma.recvchannel)
        deadline = time.monotonic() + self.timeout_s
        while not all([channel.idle for channel in channels]):
            if not all([channel.running for channel in channels]):
                raise DriverError(f"the DMA stopped with an error: {self._diagnosis()}")
            # The virtual board says itself when nothing can move any more; its RTL may take its time until then.
            if time.monotonic() > deadline and self._cycles() is None:
                raise DriverError(f"no result within {self.timeout_s:g} s: {self._diagnosis()}")
        for channel in channels:
            channel.wait()  # returns at once; pynq invalidates the receive buffer here

    def _diagnosis(self) -> str:
        """What the hardware's status registers say, in words, and the way out."""
        parts = [f"{name} is {_bits(self._dma.read(offset), _STATUS_BITS)}" for name, offset in _STATUS.items()]
        control = _bits(self._ip.read(_CONTROL), _CONTROL_BITS)
        return (
            "; ".join(parts) + f"; {self.manifest.overlay.accelerator} control: {control}. "
            "Call reset() to load the overlay again before the next try"
        )

    def _check_overlay(self) -> dict:
        """The DMA's parameters, if IP names, DMA settings and clock fit the manifest; else DriverError."""
        expected = self.manifest.overlay
        if expected.origin == "dry run" and not self.virtual:
            raise DriverError(
                f"{expected.bitstream} comes from a dry run and holds no logic: only the virtual board can load it. "
                "Build the block design with Vivado and make the bundle again"
            )
        ips = self.overlay.ip_dict
        for name in (expected.dma, expected.accelerator):
            if name not in ips:
                raise DriverError(
                    f"{expected.bitstream} has no IP named {name}; it has {', '.join(ips)}. "
                    "Make the bundle again from the overlay it belongs to"
                )
        vlnv = ips[expected.accelerator]["type"]
        if vlnv != expected.vlnv:
            raise DriverError(
                f"{expected.accelerator} is {vlnv}; the manifest was made for {expected.vlnv}. "
                "Make the bundle again from the overlay it belongs to"
            )
        if ":axi_dma:" not in ips[expected.dma]["type"]:
            raise DriverError(
                f"{expected.dma} is {ips[expected.dma]['type']}; the manifest names it as the AXI DMA. "
                "Make the bundle again from the overlay it belongs to"
            )
        dma = ips[expected.dma]["parameters"]
        settings = {
            "c_include_sg": (0, "scatter-gather must be off"),
            "c_include_mm2s": (1, "it must send"),
            "c_include_s2mm": (1, "it must receive"),
            "c_m_axis_mm2s_tdata_width": (self.input.stream_bits, "the manifest's input stream_bits"),
            "c_s_axis_s2mm_tdata_width": (self.output.stream_bits, "the manifest's output stream_bits"),
        }
        for name, (value, why) in settings.items():
            if int(dma.get(name, value)) != value:
                raise DriverError(
                    f"{expected.dma} has {name} = {dma[name]}; expected {value} ({why}). "
                    "Build the block design with the settings of this accelerator"
                )
        if self.clock_mhz > 1.01 * self.manifest.clock_mhz:
            raise DriverError(
                f"{expected.bitstream} clocks the logic at {self.clock_mhz:g} MHz; the accelerator was built for at "
                f"most {self.manifest.clock_mhz:g} MHz. Build the block design with that clock"
            )
        return dma

    def _transfer_limit(self, dma: dict, buffer_bytes: int) -> int:
        """Samples that fit one DMA transfer."""
        longest = (1 << int(dma.get("c_sg_length_width", 14))) - 1
        sample = max(self.input.bytes_per_sample, self.output.bytes_per_sample)
        if sample > longest:
            raise DriverError(
                f"one sample takes {sample:,} bytes, but {self.manifest.overlay.dma} moves at most {longest:,} in a "
                "transfer; raise c_sg_length_width in the block design"
            )
        return max(min(longest, buffer_bytes) // sample, 1)


def _stream_format(side: str, stream) -> StreamFormat:
    """The format that manifest.json gives for "input" or "output"; FormatError says which of them makes no sense."""
    try:
        return StreamFormat.from_dict(asdict(stream))
    except FormatError as error:
        raise FormatError(f"manifest.json: {side}: {error}") from None


def _bits(value: int, names: dict[int, str]) -> str:
    """A status register in words: its hex value and the names of its bits that are set; none of them means busy."""
    set_bits = [name for bit, name in names.items() if value >> bit & 1]
    return f"{value:#x} ({', '.join(set_bits) or 'busy'})"
