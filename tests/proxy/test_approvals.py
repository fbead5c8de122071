"""Approvals of exact calls: the bytes that are kept, the pending one that is opened, the use that is taken."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stack_local.domain.approvals import MAX_PENDING, PENDING_HOURS, Status
from stack_local.domain.calls import Call
from stack_local.domain.errors import StackError, TooMany, Unavailable
from stack_local.domain.policy import Facts
from stack_local.domain.urls import parse_url
from stack_local.proxy import approvals
from stack_local.store import approvals as store
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Database
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.vault import Vault
from tests.domain.samples import AGENT, CALL, CONNECTION, NOW, PASSPORT
from tests.simulators.clock import TestSystem

ASKED = approvals.Asked("key:key_one", reason="to test")

FACTS = Facts(
    now=NOW,
    vault_unlocked=True,
    anchor_fresh=True,
    chain=(PASSPORT,),
    agents=(AGENT,),
    connection=CONNECTION,
    granted=frozenset({"read", "write"}),
    declared=frozenset(),
    call=CALL,
)


@pytest.fixture
def system() -> TestSystem:
    return TestSystem(start=NOW)


@pytest.fixture
def vault(system: TestSystem) -> Vault:
    """A locked vault: content is sealed under the database key, so that the queue goes on."""
    return Vault(system, Keys(KeyMaterial.generate(system), None))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "vault.db", "ab" * 32, after_commit=lambda tx: None)
    yield opened
    await asyncio.to_thread(opened.close)


CALLS = {
    "json": CALL,
    "no body": replace(CALL, method="GET", body=None, content_type=None),
    "an empty body": replace(CALL, body=b""),
    "bytes": replace(CALL, body=bytes(range(256)), content_type="application/octet-stream"),
    "no query": replace(CALL, url=parse_url("https://api.example.com/")),
    "an empty query": replace(CALL, url=parse_url("https://api.example.com/?")),
    "escapes as written": replace(CALL, url=parse_url("https://api.example.com/a%2Fb/%C3%BC?q=%20+&q=2")),
    "a port": replace(CALL, url=parse_url("http://127.0.0.1:8080/things")),
    "header order": replace(CALL, headers=(("prefer", "x"), ("accept", "*/*"))),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_kept_call_is_the_same_call(name: str) -> None:
    again = approvals.decode_call(approvals.encode_call(CALLS[name]))
    assert again == CALLS[name]
    assert again.digest == CALLS[name].digest


async def opened(database: Database, vault: Vault, system: TestSystem, facts: Facts = FACTS) -> ApprovalRow:
    return await database.write(lambda tx: approvals.open_pending(tx, vault, system, facts, ASKED))


async def test_a_pending_approval_binds_the_very_bytes(database: Database, vault: Vault, system: TestSystem) -> None:
    row = await opened(database, vault, system)
    loaded = await database.read(lambda tx: approvals.load(tx, vault, row.id))
    assert loaded is not None
    assert loaded.call == CALL
    assert (loaded.status, loaded.session_id, loaded.chain) == (Status.PENDING, PASSPORT.session_id, (AGENT.id,))
    assert row.expires_at == NOW + timedelta(hours=PENDING_HOURS)


async def test_sealed_bytes_open_for_their_own_approval_alone(
    database: Database, vault: Vault, system: TestSystem
) -> None:
    row = await opened(database, vault, system)
    with pytest.raises(StackError):
        approvals.call_of(vault, replace(row, id="apr_other"))


def _call(number: int) -> Call:
    return replace(CALL, body=b'{"n":%d}' % number)


TWINS = [
    ("the same", FACTS, ASKED, True),
    ("another body", replace(FACTS, call=_call(1)), ASKED, False),
    ("another principal", FACTS, replace(ASKED, asked_by="key:key_two"), False),
    ("another session", replace(FACTS, chain=(replace(PASSPORT, session_id="ses_two"),)), ASKED, False),
]


@pytest.mark.parametrize(("name", "facts", "asked", "merges"), TWINS)
async def test_equal_ones_that_wait_merge(
    name: str, facts: Facts, asked: approvals.Asked, merges: bool, database: Database, vault: Vault, system: TestSystem
) -> None:
    first = await opened(database, vault, system)
    second = await database.write(lambda tx: approvals.open_pending(tx, vault, system, facts, asked))
    assert (second.id == first.id) is merges


async def test_an_equal_one_that_is_over_is_not_waited_on(database: Database, vault: Vault, system: TestSystem) -> None:
    first = await opened(database, vault, system)
    later = replace(FACTS, now=NOW + timedelta(hours=PENDING_HOURS))
    assert (await opened(database, vault, system, later)).id != first.id


async def test_at_most_so_many_wait_for_one_agent(database: Database, vault: Vault, system: TestSystem) -> None:
    for number in range(MAX_PENDING):
        await opened(database, vault, system, replace(FACTS, call=_call(number)))
    with pytest.raises(TooMany) as refused:
        await opened(database, vault, system, replace(FACTS, call=_call(MAX_PENDING)))
    assert refused.value.details["rule"]
    same = await opened(database, vault, system, replace(FACTS, call=_call(0)))
    assert same.status is Status.PENDING


async def test_a_shorter_wait_may_be_asked_for(database: Database, vault: Vault, system: TestSystem) -> None:
    asked = replace(ASKED, expires_in_seconds=60)
    row = await database.write(lambda tx: approvals.open_pending(tx, vault, system, FACTS, asked))
    assert row.expires_at == NOW + timedelta(seconds=60)


async def test_shredded_bytes_are_said_and_gate_nothing(database: Database, vault: Vault, system: TestSystem) -> None:
    row = await opened(database, vault, system)
    with pytest.raises(Unavailable) as refused:
        approvals.call_of(vault, replace(row, sealed=None))
    assert refused.value.code == "SHREDDED"
    await database.write(lambda tx: tx.execute("UPDATE approvals SET sealed = NULL"))
    assert await database.read(lambda tx: approvals.load(tx, vault, row.id)) is None


async def test_a_decision_of_the_other_kind_is_no_approval(
    database: Database, vault: Vault, system: TestSystem
) -> None:
    row = await opened(database, vault, system)
    await database.write(lambda tx: tx.execute("UPDATE approvals SET kind = 'governance'"))
    assert await database.read(lambda tx: approvals.load(tx, vault, row.id)) is None


USES = [
    (1, Status.RESERVED, 0),
    (3, Status.APPROVED, 2),
    (None, Status.APPROVED, None),
]


@pytest.mark.parametrize(("left", "status", "left_after"), USES)
async def test_a_use_is_taken_with_the_operation_it_was_taken_for(
    left: int | None, status: Status, left_after: int | None, database: Database, vault: Vault, system: TestSystem
) -> None:
    row = await opened(database, vault, system)
    await database.write(
        lambda tx: store.decide(tx, row.id, status=Status.APPROVED, by="session:1", at=NOW, notes=None, uses_left=left)
    )
    approval = await database.read(lambda tx: approvals.load(tx, vault, row.id))
    assert approval is not None
    await database.write(lambda tx: approvals.take_use(tx, approval, "opn_1"))
    after = await database.read(lambda tx: store.get(tx, row.id))
    assert (after.status, after.uses_left, after.operation_id) == (status, left_after, "opn_1")


def test_calls_look_alike_by_service_method_host_and_path() -> None:
    other_body, other_query = _call(1), replace(CALL, url=parse_url("https://api.example.com/v1/things?dry=2"))
    assert approvals.call_key(CALL) == approvals.call_key(other_body) == approvals.call_key(other_query)
    assert approvals.call_key(CALL) != approvals.call_key(replace(CALL, method="PUT"))
