"""Showing a proposed call to the detectors, under a time budget. One that fails or is late is itself a finding."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Detector


class Inspector:
    """Runs every detector on each proposed call, in a thread of its own: a detector never holds up the loop."""

    def __init__(self, detectors: Mapping[str, Detector], *, budget_seconds: float) -> None:
        self._detectors = dict(detectors)
        self._budget = budget_seconds
        self._broken: dict[str, str] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="detectors")

    async def inspect(self, facts: CallFacts, history: Sequence[PastCall]) -> tuple[Finding, ...]:
        """What the detectors say; each one that is disabled says so on every call until the process restarts."""
        findings = list(self._disabled())
        working = {key: detector for key, detector in self._detectors.items() if key not in self._broken}
        if not working:
            return tuple(findings)
        progress: list[str] = []
        run = asyncio.get_running_loop().run_in_executor(self._executor, _run_all, working, facts, history, progress)
        try:
            async with asyncio.timeout(self._budget):
                findings += await run
        except TimeoutError:
            # The thread is lost to the detector that holds it; the next call gets a fresh one.
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="detectors")
            self._disable(progress[-1] if progress else next(iter(working)), "is late")
            return (*findings, *self._disabled())
        for finding in findings:
            if finding.message.endswith(FAILED):
                self._broken[finding.detector] = FAILED
        return tuple(findings)

    def close(self) -> None:
        """Wait for nobody: a detector that hangs does not hold up the end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _disable(self, key: str, why: str) -> None:
        self._broken[key] = why

    def _disabled(self) -> list[Finding]:
        return [_broken(key, why) for key, why in self._broken.items()]


FAILED = "failed and is disabled until restart"
"""How a finding about a detector that raised ends."""


def _run_all(
    detectors: Mapping[str, Detector], facts: CallFacts, history: Sequence[PastCall], progress: list[str]
) -> list[Finding]:
    findings = []
    for key, detector in detectors.items():
        progress.append(key)
        try:
            finding = detector(facts, history)
        except Exception:  # noqa: BLE001 (the one place where a detector's own error ends)
            # Whatever it is, it refuses in enforced mode.
            finding = _broken(key, FAILED)
        if finding is not None:
            findings.append(finding)
    return findings


def _broken(key: str, why: str) -> Finding:
    return Finding(key, Severity.CRITICAL, f"the detector {key} {why}", blocks=True)
