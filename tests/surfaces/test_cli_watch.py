"""`watch` and `audit verify`: the log as it grows, and the whole of it checked."""

import json

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.wire.audit import AuditChainHead, AuditPage, ChainHead, ChainVerdict, ListAudit, VerifyAuditChain
from stack_local.wire.vault import ApplianceStatus, GetStatus
from tests.surfaces.test_cli_launch import FakeLaunch, run
from tests.surfaces.test_cli_printable import HOSTILE, entry, is_harmless


class Log:
    """An audit log that grows by a batch at each look, and ends with the process."""

    def __init__(self, launch: FakeLaunch, *batches: int, text: str = "agent.register") -> None:
        self.appliance = launch.appliance
        self.batches = list(batches)
        self.entries = [entry(text).model_copy(update={"sequence": number}) for number in range(1, sum(batches) + 1)]
        self.length = 0
        launch.appliance.answer(GetStatus, self._status)
        launch.appliance.answer(ListAudit, self._page)
        launch.appliance.answer(AuditChainHead, lambda _: self.head())

    def head(self) -> ChainHead:
        return ChainHead(sequence=self.length, entry_hash="h", count=self.length)

    def _status(self, _asked: GetStatus) -> ApplianceStatus:
        if not self.batches:
            raise Unavailable("no appliance answers", code="NOT_RUNNING")
        self.length += self.batches.pop(0)
        self.appliance.changed()
        return ApplianceStatus.model_construct(changes=self.length)

    def _page(self, asked: ListAudit) -> AuditPage:
        found = [item for item in self.entries[: self.length] if item.sequence > asked.after_sequence]
        return AuditPage(entries=found[::-1][: asked.limit], max_timestamp=None)


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def watched(told) -> list[int]:
    return [json.loads(line)["sequence"] for line in told.stdout.splitlines() if "sequence" in json.loads(line)]


def test_entries_come_in_order_one_object_a_line(launch):
    Log(launch, 2, 0, 3)
    told = run(launch, "watch", "--after-sequence", "0", "--json")
    assert watched(told) == [1, 2, 3, 4, 5]
    assert told.exit_code == 9


def test_with_nothing_running_there_is_nothing_to_watch(launch):
    launch.is_live = False
    assert run(launch, "watch", "--json").exit_code == 9
    assert launch.appliance.asked == []


def test_only_what_is_new_is_shown_unless_told(launch):
    log = Log(launch, 2, 3)
    log.length, log.batches = 2, [0, 3]
    assert watched(run(launch, "watch", "--json")) == [3, 4, 5]


def test_a_gap_is_said(launch):
    Log(launch, 150)
    told = run(launch, "watch", "--after-sequence", "0", "--json")
    assert watched(told) == list(range(51, 151))
    assert "entries 1 to 50" in told.stderr


def test_for_a_person_an_entry_is_a_line(launch):
    Log(launch, 1)
    told = run(launch, "watch", "--after-sequence", "0")
    assert told.stdout == "1  1970-01-01 00:00:00  agent.register  success  agent.register  agent.register\n"


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["for a person", "as JSON"])
def test_a_hostile_entry_is_harmless(launch, flags):
    Log(launch, 1, text=HOSTILE)
    told = run(launch, "watch", "--after-sequence", "0", *flags)
    assert is_harmless(told.output)
    assert len(told.stdout.splitlines()) == (2 if flags else 1)


def verdict(asked: VerifyAuditChain, *, length: int, broken_at: int | None = None) -> ChainVerdict:
    last = min(length, asked.from_sequence + asked.limit - 1)
    is_broken = broken_at is not None and asked.from_sequence <= broken_at <= last
    return ChainVerdict(
        ok=not is_broken,
        checked=last - asked.from_sequence + 1,
        first_break=broken_at if is_broken else None,
        reason="hash" if is_broken else None,
        head=ChainHead(sequence=length, entry_hash="h", count=length),
    )


@pytest.mark.parametrize(("length", "questions"), [(0, 1), (5, 1), (100_000, 1), (250_000, 3)])
def test_the_whole_chain_is_verified(launch, length, questions):
    launch.appliance.answer(VerifyAuditChain, lambda asked: verdict(asked, length=length))
    told = run(launch, "audit", "verify", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["checked"] == length
    assert len(launch.asked(VerifyAuditChain)) == questions


def test_a_break_is_1_and_named(launch):
    launch.appliance.answer(VerifyAuditChain, lambda asked: verdict(asked, length=250_000, broken_at=150_000))
    told = run(launch, "audit", "verify", "--json")
    assert told.exit_code == 1
    assert (json.loads(told.stdout)["ok"], json.loads(told.stdout)["first_break"]) == (False, 150_000)


def test_a_chain_whose_head_lies_ends(launch):
    def lying(asked: VerifyAuditChain) -> ChainVerdict:
        head = ChainHead(sequence=10**9, entry_hash="h", count=10**9)
        checked = 10 if asked.from_sequence == 1 else 0
        return ChainVerdict(ok=True, checked=checked, first_break=None, reason=None, head=head)

    launch.appliance.answer(VerifyAuditChain, lying)
    run(launch, "audit", "verify")
    assert len(launch.asked(VerifyAuditChain)) == 2
