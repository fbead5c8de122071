"""The feed: changes are counted, whoever waits is woken by one, and no wait outlasts its time."""

import asyncio

from stack_local.feed import Feed

BOUND_SECONDS = 20
AGES = 3600


def attached() -> Feed:
    feed = Feed()
    feed.attach()
    return feed


async def test_each_change_makes_the_count_grow_by_one() -> None:
    feed = attached()
    before = feed.changes
    for _ in range(3):
        feed.publish()
    await asyncio.wait_for(feed.wait_past(before + 2, seconds=AGES), BOUND_SECONDS)
    assert feed.changes == before + 3


async def test_a_change_from_another_thread_wakes_everyone_who_waits() -> None:
    feed = attached()
    before = feed.changes
    waiting = [asyncio.ensure_future(feed.wait_past(before, seconds=AGES)) for _ in range(3)]
    await asyncio.wait(waiting, timeout=0)
    assert not any(one.done() for one in waiting)
    await asyncio.to_thread(feed.publish)
    done, late = await asyncio.wait(waiting, timeout=BOUND_SECONDS)
    assert (len(done), len(late)) == (3, 0)


async def test_who_waits_for_more_changes_sleeps_through_the_first() -> None:
    feed = attached()
    before = feed.changes
    patient = asyncio.ensure_future(feed.wait_past(before + 1, seconds=AGES))
    feed.publish()
    await asyncio.wait_for(feed.wait_past(before, seconds=AGES), BOUND_SECONDS)
    assert (feed.changes, patient.done()) == (before + 1, False)
    feed.publish()
    await asyncio.wait_for(patient, BOUND_SECONDS)
    assert feed.changes == before + 2


async def test_what_changed_before_somebody_asks_is_not_waited_for() -> None:
    feed = attached()
    await asyncio.wait_for(feed.wait_past(feed.changes - 1, seconds=AGES), BOUND_SECONDS)
    assert feed.changes >= 1  # a reader that has seen nothing, and asks with 0, is answered at once


async def test_a_wait_ends_with_its_time_when_nothing_changes() -> None:
    feed = attached()
    before = feed.changes
    await asyncio.wait_for(feed.wait_past(before, seconds=0.01), BOUND_SECONDS)
    assert feed.changes == before


def test_a_change_after_the_loop_is_gone_troubles_nobody() -> None:
    async def attach() -> Feed:
        return attached()

    feed = asyncio.run(attach())
    before = feed.changes
    feed.publish()
    assert feed.changes == before
