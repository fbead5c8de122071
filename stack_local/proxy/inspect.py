"""Showing a proposed call to the detectors, under a time budget. One that fails or is late is itself a finding."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Detector

LOOKS = 5
"""A detector is late when so many looks in a row, spread over the budget, find it at the same call.

Looks, not a stopwatch: when the machine holds the whole process up, it holds up the looks as well.
"""


@dataclass(slots=True)
class _Shown:
    """One call that waits for the detectors' word."""

    facts: CallFacts
    history: Sequence[PastCall]
    findings: asyncio.Future[tuple[Finding, ...]]


@dataclass(slots=True)
class _Batch:
    """The calls one run shows to the detectors; the thread moves `at` and `detector`, the loop looks on."""

    calls: list[_Shown]
    detectors: Mapping[str, Detector]
    at: int = 0
    detector: str = ""
    seen_at: int = -1
    looks: int = 0


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
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="detectors")

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
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        working = {key: detector for key, detector in self._detectors.items() if key not in self._broken}
        batch = self._running = _Batch(self._waiting, working)
        self._waiting = []
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor(self._executor, _run_all, batch)
        run.add_done_callback(lambda done: self._ended(batch, done))
        self._looking = loop.call_later(self._budget / LOOKS, self._look, batch)

    def _look(self, batch: _Batch) -> None:
        batch.looks = batch.looks + 1 if batch.at == batch.seen_at else 0
        batch.seen_at = batch.at
        if batch.looks < LOOKS:
            self._looking = asyncio.get_running_loop().call_later(self._budget / LOOKS, self._look, batch)
            return
        # The thread is lost to the detector that holds it; the next run gets a fresh one.
        self._executor.shutdown(wait=False)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="detectors")
        self._broken[batch.detector] = "is late"
        self._answer(batch, [[] for _ in batch.calls])

    def _ended(self, batch: _Batch, done: asyncio.Future[list[list[Finding]]]) -> None:
        if batch is not self._running or done.cancelled():
            return
        found = done.result()
        for finding in (finding for findings in found for finding in findings):
            if finding.message.endswith(FAILED):
                self._broken[finding.detector] = FAILED
        self._answer(batch, found)

    def _answer(self, batch: _Batch, found: Sequence[Sequence[Finding]]) -> None:
        """Answer every call of a run, and begin the next."""
        if self._looking is not None:
            self._looking.cancel()
        disabled = self._disabled()
        for shown, findings in zip(batch.calls, found, strict=True):
            if not shown.findings.done():
                said = {finding.detector for finding in findings}
                shown.findings.set_result((*findings, *(word for word in disabled if word.detector not in said)))
        self._running = None
        if self._waiting:
            self._start()

    def _disabled(self) -> tuple[Finding, ...]:
        return tuple(_broken(key, why) for key, why in self._broken.items())


FAILED = "failed and is disabled until restart"
"""How a finding about a detector that raised ends."""


def _run_all(batch: _Batch) -> list[list[Finding]]:
    found: list[list[Finding]] = []
    for shown in batch.calls:
        found.append([finding for key in batch.detectors if (finding := _run_one(batch, key, shown)) is not None])
        batch.at += 1
    return found


def _run_one(batch: _Batch, key: str, shown: _Shown) -> Finding | None:
    batch.detector = key
    try:
        return batch.detectors[key](shown.facts, shown.history)
    except Exception:  # noqa: BLE001 (the one place where a detector's own error ends)
        # Whatever it is, it refuses in enforced mode.
        return _broken(key, FAILED)


def _broken(key: str, why: str) -> Finding:
    return Finding(key, Severity.CRITICAL, f"the detector {key} {why}", blocks=True)
