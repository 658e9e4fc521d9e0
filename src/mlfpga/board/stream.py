"""AXI4-Stream links between the DMA and the accelerators."""

import numpy as np

from mlfpga.board.errors import BoardError


class Stream:
    """One AXI4-Stream link: the words that its source offers and its sink has not taken yet.

    TVALID is `waiting > 0`; TREADY is what the sink says in `ready`. Both ends look at each other, as the handshake
    does: a source may hold its words back until the sink is ready.

    name       of the link, e.g. "axi_dma_0.M_AXIS_MM2S"
    bits       TDATA's width
    ready      whether the sink would take words now
    room       how many it would take at most; None: as many as come
    since      the cycle at which the newest of the waiting words came, where the source has a clock
    clocked    whether the source records the cycles at which words moved; else the sink does
    taken_at   the cycle at which the newest of the words that were taken went, where the sink has a clock
    withdrawn  how often the source withdrew what it offered

    Raises BoardError if TDATA is not whole bytes.
    """

    def __init__(self, name: str, bits: int):
        if bits <= 0 or bits % 8:
            raise BoardError(f"the stream {name} is {bits} bits wide; AXI4-Stream carries whole bytes (8, 16, 24, …)")
        self.name = name
        self.bits = bits
        self.ready = False
        self.room: int | None = None
        self.clocked = False
        self.since = self.taken_at = 0
        self.withdrawn = -1
        self.clear()

    @property
    def word_dtype(self) -> np.dtype:
        """An unsigned integer if there is one of this width, else plain bytes, the lowest first."""
        return np.dtype(f"<u{self.word_bytes}" if self.word_bytes in (1, 2, 4, 8) else f"V{self.word_bytes}")

    @property
    def word_bytes(self) -> int:
        return self.bits // 8

    @property
    def waiting(self) -> int:
        """Words offered and not taken."""
        return len(self._words)

    @property
    def last(self) -> np.ndarray:
        """TLAST flags (bool) of the waiting words."""
        return self._last

    def packet_words(self) -> int:
        """Words up to the first TLAST, that one included; 0 if none of the waiting words carries TLAST."""
        ends = np.flatnonzero(self._last)
        return int(ends[0]) + 1 if len(ends) else 0

    @property
    def kept(self) -> np.ndarray | None:
        """Bytes of each waiting word that TKEEP marks (the lowest ones); None if it marks all."""
        return self._kept

    def offer(self, words: np.ndarray, last: np.ndarray, kept: np.ndarray | None = None) -> None:
        """The source puts words (`word_dtype`) with their TLAST flags behind those already waiting.

        kept  bytes of each word that TKEEP marks; None for all
        """
        if kept is not None or self._kept is not None:
            new = np.full(len(words), self.word_bytes) if kept is None else kept
            old = np.full(self.waiting, self.word_bytes) if self._kept is None else self._kept
            self._kept = np.concatenate([old, new])
        if self.waiting:
            words, last = np.concatenate([self._words, words]), np.concatenate([self._last, last])
        self._words, self._last = words, last

    def peek(self, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The waiting words from the `start`-th on, with their TLAST flags; they go on waiting."""
        return self._words[start:], self._last[start:]

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The sink takes the first `count` waiting words with their TLAST flags."""
        words, self._words = self._words[:count], self._words[count:]
        last, self._last = self._last[:count], self._last[count:]
        if self._kept is not None:
            self._kept = self._kept[count:] if self.waiting else None
        return words, last

    def clear(self) -> None:
        """The source withdraws what it offered, as a reset does."""
        self.withdrawn += 1
        self._words = np.empty(0, dtype=self.word_dtype)
        self._last = np.empty(0, dtype=bool)
        self._kept: np.ndarray | None = None
