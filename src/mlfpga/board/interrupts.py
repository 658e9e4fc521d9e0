"""Interrupts as pynq waits for them, without Linux's userspace I/O devices.

On a board `pynq.interrupt` opens the /dev/uio file of an interrupt line, and asyncio calls it when the file becomes
readable. Here the line itself is asked, by the same event loop and behind the same two names that pynq looks up:
`get_uio_irq` and `UioController`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pynq.interrupt

from mlfpga.board.axi_intc import AxiIntc
from mlfpga.board.machine import Machine

# While nothing can move, another coroutine may still wake up and send something.
PATIENCE_S = 10.0
_POLL_S = 0.002


class InterruptLine:
    """Stands for pynq's UioController: sets the events that wait for one interrupt line of the processor."""

    def __init__(self, machine: Machine, controllers: list[AxiIntc]):
        self._machine = machine
        self._controllers = controllers
        self._events: list[Any] = []

    def add_event(self, event: Any, number: int) -> None:
        """Call `event.set()` once when the line is high."""
        if not self._events:
            asyncio.get_event_loop().call_soon(self._look, time.monotonic(), self._machine.writes)
        self._events.append(event)

    def _high(self) -> bool:
        return any(controller.interrupt for controller in self._controllers)

    def _look(self, since: float, writes: int) -> None:
        may_come = self._machine.wait(self._high)
        if self._high():
            events, self._events = self._events, []
            for event in events:
                event.set()
            return
        now = time.monotonic()
        if may_come or writes != self._machine.writes:
            since, writes = now, self._machine.writes
        if now - since > PATIENCE_S:
            self._give_up()
            return
        loop = asyncio.get_event_loop()
        loop.call_later(0 if may_come else _POLL_S, self._look, since, writes)

    def _give_up(self) -> None:
        """Raise in the coroutines that wait, which no event would wake any more."""
        events, self._events = self._events, []
        for event in events:
            for waiting in _coroutines_at(event):
                if not waiting.done():
                    waiting.set_exception(self._machine.stalled())


def _coroutines_at(event: Any) -> Iterator[asyncio.Future]:
    """The futures behind an event, or behind the events of a pynq interrupt controller, which chains them."""
    if isinstance(event, asyncio.Event):
        yield from list(getattr(event, "_waiters", deque()))
        return
    for events in getattr(event, "wait_handles", []):
        for inner in events:
            yield from _coroutines_at(inner)


def replace_uio(machine: Machine) -> None:
    """Let pynq's interrupt code wait for `machine` from now on."""

    def line_of(irq: int) -> str:
        return f"interrupt line {irq} of the virtual board"

    def controller(_: str) -> InterruptLine:
        return InterruptLine(machine, machine.interrupts)

    pynq.interrupt.get_uio_irq = line_of
    pynq.interrupt.UioController = controller
    # pynq keeps lines for the life of the process; those of an overlay before this one are not ours.
    pynq.interrupt._InterruptController._uio_devices.clear()
