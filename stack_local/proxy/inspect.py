"""Showing a proposed call to the detectors, under a time budget. One that fails or is late is itself a finding."""

import asyncio
import contextlib
import gc
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Detector

STALLED = 10
"""Detectors that are not back after so many budgets of wall time are late whatever they did, and given up.

The budget itself is the detector's own processor time: a machine that is busy with other things makes nobody late.
"""

LATE = "is late and is disabled until restart"
FAILED = "failed and is disabled until restart"
"""How a finding about a detector that raised ends."""


@dataclass(slots=True)
class _Shown:
    """One call that waits for the detectors' word."""

    facts: CallFacts
    history: Sequence[PastCall]
    findings: asyncio.Future[tuple[Finding, ...]]


@dataclass(slots=True)
class _Batch:
    """The calls one run shows to the detectors; its thread writes the last four fields, the loop looks on."""

    calls: list[_Shown]
    detectors: Mapping[str, Detector]
    budget: float
    loop: asyncio.AbstractEventLoop
    ended: "Callable[[_Batch], None]"
    """Called in the loop once all of them were shown."""
    seen_at: int = -1
    """How far it was at the last look; owned by the loop."""
    at: int = -1
    detector: str = ""
    found: list[list[Finding]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


class Inspector:
    """Runs every detector on each proposed call, in a thread of its own: a detector never holds up the loop.

    Calls that come while a run is under way are shown together in the next one.
    """

    def __init__(self, detectors: Mapping[str, Detector], *, budget_seconds: float) -> None:
        self._detectors = dict(detectors)
        self._budget = budget_seconds
        self._broken: dict[str, str] = {}
        self._waiting: list[_Shown] = []
        self._running: _Batch | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._runs: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._has_thread = False

    async def inspect(self, facts: CallFacts, history: Sequence[PastCall]) -> tuple[Finding, ...]:
        """What the detectors say; each one that is disabled says so on every call until the process restarts."""
        if len(self._broken) == len(self._detectors):
            return self._disabled()
        shown = _Shown(facts, history, asyncio.get_running_loop().create_future())
        self._waiting.append(shown)
        if self._running is None:
            self._start()
        return await shown.findings

    def close(self) -> None:
        """Wait for nobody: a detector that hangs does not hold up the end."""
        self._runs.put(None)

    def _start(self) -> None:
        working = {key: detector for key, detector in self._detectors.items() if key not in self._broken}
        loop = asyncio.get_running_loop()
        batch = self._running = _Batch(self._waiting, working, self._budget, loop, self._ended)
        self._waiting = []
        if not self._has_thread:
            self._has_thread = True
            # A daemon: a detector that hangs does not hold up the end of the process.
            threading.Thread(target=_run_batches, args=(self._runs,), name="detectors", daemon=True).start()
        self._runs.put(batch)
        self._looking = loop.call_later(self._budget * STALLED, self._look, batch)

    def _look(self, batch: _Batch) -> None:
        if batch.at != batch.seen_at or batch.at < 0:
            batch.seen_at = batch.at
            self._looking = asyncio.get_running_loop().call_later(self._budget * STALLED, self._look, batch)
            return
        # The thread is lost to the detector that holds it, and ends if that comes back; the next run gets a fresh one.
        self._runs.put(None)
        self._runs, self._has_thread = queue.SimpleQueue(), False
        self._answer(batch, [[] for _ in batch.calls], {batch.detector: LATE})

    def _ended(self, batch: _Batch) -> None:
        if batch is self._running:
            self._answer(batch, batch.found, batch.broken)

    def _answer(self, batch: _Batch, found: Sequence[Sequence[Finding]], broken: Mapping[str, str]) -> None:
        """Answer every call of a run, and begin the next."""
        self._broken.update(broken)
        if self._looking is not None:
            self._looking.cancel()
        disabled = self._disabled()
        for shown, findings in zip(batch.calls, found, strict=True):
            if not shown.findings.done():
                shown.findings.set_result((*findings, *disabled))
        self._running = None
        if self._waiting:
            self._start()

    def _disabled(self) -> tuple[Finding, ...]:
        return tuple(_broken(key, why) for key, why in self._broken.items())


class _Collector(threading.local):
    """What the garbage collector took of this thread: it runs in whichever asks for memory just then."""

    began = (0.0, 0.0)
    used = passed = 0.0

    def note(self, phase: str, _: object) -> None:
        """How `gc.callbacks` tells of a collection."""
        if phase == "start":
            self.began = time.thread_time(), time.monotonic()
            return
        used, passed = self.began
        self.used += time.thread_time() - used
        self.passed += time.monotonic() - passed


_collector = _Collector()
gc.callbacks.append(_collector.note)


def _clocks() -> tuple[float, float]:
    """This thread's own processor time, and time on the wall; the collector is in neither."""
    return time.thread_time() - _collector.used, time.monotonic() - _collector.passed


def _run_batches(runs: "queue.SimpleQueue[_Batch | None]") -> None:
    while (batch := runs.get()) is not None:
        _run_all(batch)
        # The loop may be gone, and with it whoever waits for the word.
        with contextlib.suppress(RuntimeError):
            batch.loop.call_soon_threadsafe(batch.ended, batch)


def _run_all(batch: _Batch) -> None:
    for at, shown in enumerate(batch.calls):
        batch.at, began = at, _clocks()
        found = [_run_one(batch, key, shown, began) for key in batch.detectors]
        batch.found.append([finding for finding in found if finding is not None])


def _run_one(batch: _Batch, key: str, shown: _Shown, began: tuple[float, float]) -> Finding | None:
    batch.detector = key
    try:
        finding = batch.detectors[key](shown.facts, shown.history)
    except Exception:  # noqa: BLE001 (the one place where a detector's own error ends)
        # Whatever it is, it refuses in enforced mode.
        batch.broken[key] = FAILED
        return None
    if _is_late(batch, *began):
        batch.broken[key] = LATE
    return finding


def _is_late(batch: _Batch, began_used: float, began_at: float) -> bool:
    used, passed = _clocks()
    return used - began_used > batch.budget or passed - began_at > batch.budget * STALLED


def _broken(key: str, why: str) -> Finding:
    return Finding(key, Severity.CRITICAL, f"the detector {key} {why}", blocks=True)
