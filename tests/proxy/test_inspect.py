"""Detectors are heard, bounded in time, and closed when they fail."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Detector
from stack_local.proxy.inspect import Inspector

FACTS = CallFacts("agt_one", "ses_one", "demo", "GET", "h.com", "/", 0, "digest", 1000)
PAST = PastCall("digest", 900)
FOUND = Finding("finds", Severity.INFO, "something")
BOUND_SECONDS = 20


def finds(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    return FOUND


def quiet(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    return None


def raises(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    raise RuntimeError("sk_live_secret")


@contextmanager
def inspecting(detectors: Mapping[str, Detector], *, budget: float = 5) -> Iterator[Inspector]:
    inspector = Inspector(detectors, budget_seconds=budget)
    try:
        yield inspector
    finally:
        inspector.close()


@contextmanager
def hanging() -> Iterator[Callable[[CallFacts, Sequence[PastCall]], Finding | None]]:
    """A detector that does not come back until the test is over."""
    released = threading.Event()

    def hangs(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        released.wait(BOUND_SECONDS)
        return None

    try:
        yield hangs
    finally:
        released.set()


def refused_by(findings: Sequence[Finding]) -> list[str]:
    return [finding.detector for finding in findings if finding.blocks and finding.severity is Severity.CRITICAL]


async def test_what_detectors_find_is_told_in_their_order() -> None:
    with inspecting({"quiet": quiet, "finds": finds, "again": finds}) as inspector:
        assert await inspector.inspect(FACTS, []) == (FOUND, FOUND)


async def test_without_detectors_nothing_is_found() -> None:
    with inspecting({}) as inspector:
        assert await inspector.inspect(FACTS, []) == ()


async def test_a_detector_sees_the_call_and_its_past() -> None:
    seen: list[object] = []

    def looks(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        seen.append((facts, list(history)))
        return None

    with inspecting({"looks": looks}) as inspector:
        await inspector.inspect(FACTS, [PAST])
    assert seen == [(FACTS, [PAST])]


async def test_a_detector_that_raises_refuses_from_then_on_and_the_others_go_on() -> None:
    with inspecting({"raises": raises, "finds": finds}) as inspector:
        for _ in range(3):
            findings = await inspector.inspect(FACTS, [])
            assert refused_by(findings) == ["raises"]
            assert FOUND in findings
            assert "sk_live" not in repr(findings)


async def test_a_detector_that_failed_is_not_asked_again() -> None:
    asked: list[int] = []

    def fails(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        asked.append(1)
        raise ValueError

    with inspecting({"fails": fails}) as inspector:
        for _ in range(3):
            assert refused_by(await inspector.inspect(FACTS, [])) == ["fails"]
    assert len(asked) == 1


async def test_a_detector_that_hangs_refuses_and_is_disabled_and_the_others_go_on() -> None:
    with hanging() as hangs, inspecting({"hangs": hangs, "finds": finds}, budget=0.01) as inspector:
        async with asyncio.timeout(BOUND_SECONDS):
            assert refused_by(await inspector.inspect(FACTS, [])) == ["hangs"]
            later = await inspector.inspect(FACTS, [])
    assert refused_by(later) == ["hangs"]
    assert FOUND in later


async def test_nobody_is_late_because_the_garbage_collector_came_just_then() -> None:
    _to_walk = [[] for _ in range(2_000_000)]

    def collects(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        gc.collect()
        return FOUND

    with inspecting({"collects": collects}, budget=0.02) as inspector:
        assert await inspector.inspect(FACTS, []) == (FOUND,)
        assert await inspector.inspect(FACTS, []) == (FOUND,)


async def test_only_the_detector_that_hangs_is_blamed_by_calls_that_come_together() -> None:
    with hanging() as hangs, inspecting({"finds": finds, "hangs": hangs}, budget=0.01) as inspector:
        async with asyncio.timeout(BOUND_SECONDS):
            answers = await asyncio.gather(*(inspector.inspect(FACTS, []) for _ in range(8)))
            later = await inspector.inspect(FACTS, [])
    assert [refused_by(findings) for findings in answers] == [["hangs"]] * 8
    assert refused_by(later) == ["hangs"]


async def test_two_broken_detectors_each_say_so_once() -> None:
    with hanging() as hangs, inspecting({"raises": raises, "hangs": hangs}, budget=0.01) as inspector:
        async with asyncio.timeout(BOUND_SECONDS):
            await inspector.inspect(FACTS, [])
            findings = await inspector.inspect(FACTS, [])
    assert sorted(refused_by(findings)) == ["hangs", "raises"]


async def test_calls_that_come_together_each_get_their_own_findings() -> None:
    def names(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        return Finding("names", Severity.INFO, facts.path)

    paths = [f"/{number}" for number in range(100)]
    with inspecting({"names": names}) as inspector:
        answers = await asyncio.gather(*(inspector.inspect(replace(FACTS, path=path), []) for path in paths))
    assert [[finding.message for finding in findings] for findings in answers] == [[path] for path in paths]


async def test_a_caller_that_hangs_up_does_not_hurt_the_next() -> None:
    with inspecting({"finds": finds}) as inspector:
        waiting = asyncio.ensure_future(inspector.inspect(FACTS, []))
        await asyncio.sleep(0)
        waiting.cancel()
        async with asyncio.timeout(BOUND_SECONDS):
            assert await inspector.inspect(FACTS, []) == (FOUND,)
