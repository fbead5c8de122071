"""What a passport is good for, how it is narrowed, and who may have a child (security-cases D-01 to D-06)."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.passports import (
    MAXIMUM_DEPTH,
    Mode,
    Passport,
    ServiceScope,
    State,
    check_delegation,
    effective_scopes,
    lifetime,
    narrow,
    scopes_on,
    state_of,
)
from tests.domain.samples import ELSEWHERE, HERE, NOW, PASSPORT

SECOND = timedelta(seconds=1)
LATER, PAST = NOW + SECOND, NOW - SECOND

STATES: list[tuple[str, dict[str, object], State]] = [
    ("as it was minted", {}, State.ACTIVE),
    ("in its last second", {"expires_at": LATER}, State.ACTIVE),
    ("at its end", {"expires_at": NOW}, State.EXPIRED),
    ("past its end", {"expires_at": PAST}, State.EXPIRED),
    ("revoked", {"revoked_at": PAST}, State.REVOKED),
    ("revoked in the future", {"revoked_at": LATER}, State.REVOKED),
    ("revoked and expired", {"revoked_at": PAST, "expires_at": PAST}, State.REVOKED),
    ("revoked and refreshed", {"revoked_at": PAST, "refreshed_at": PAST}, State.REVOKED),
    ("revoked while paused", {"revoked_at": PAST, "expires_at": NOW, "waits_since": PAST}, State.REVOKED),
    ("refreshed", {"refreshed_at": PAST}, State.REFRESHED),
    ("refreshed and expired", {"refreshed_at": PAST, "expires_at": PAST}, State.REFRESHED),
    ("refreshed while paused", {"refreshed_at": PAST, "expires_at": NOW, "waits_since": PAST}, State.REFRESHED),
    ("paused before its end", {"expires_at": NOW, "waits_since": PAST}, State.ACTIVE),
    ("paused at its end", {"expires_at": PAST, "waits_since": PAST}, State.EXPIRED),
    ("paused after its end", {"expires_at": PAST, "waits_since": NOW}, State.EXPIRED),
    ("paused up to its latest end", {"expires_at": NOW, "waits_since": PAST, "latest_expires_at": LATER}, State.ACTIVE),
    ("paused at its latest end", {"expires_at": NOW, "waits_since": PAST, "latest_expires_at": NOW}, State.EXPIRED),
    ("paused while still good", {"waits_since": PAST}, State.ACTIVE),
]


@pytest.mark.parametrize(("changes", "state"), [case[1:] for case in STATES], ids=[case[0] for case in STATES])
def test_a_passport_is_in_this_state(changes: dict[str, object], state: State) -> None:
    assert state_of(replace(PASSPORT, **changes), NOW) is state


@pytest.mark.parametrize(
    ("mode", "ttl", "checkpoint", "seconds"),
    [
        (Mode.ENFORCED, 900, 300, 300),
        (Mode.ENFORCED, 200, 300, 200),
        (Mode.ENFORCED, 900, None, 900),
        (Mode.LOGGED, 900, 300, 900),
        (Mode.STANDARD, 900, 300, 900),
    ],
)
def test_an_enforced_passport_lives_to_its_checkpoint(
    mode: Mode, ttl: int, checkpoint: int | None, seconds: int
) -> None:
    assert lifetime(mode, ttl, checkpoint) == timedelta(seconds=seconds)


def on(connection_id: str, *scopes: str) -> ServiceScope:
    return ServiceScope(connection_id, frozenset(scopes))


GRANTED = (on(HERE, "read", "write"), on(ELSEWHERE, "read"))

ESCALATIONS: list[tuple[str, tuple[ServiceScope, ...]]] = [
    ("a scope more", (on(HERE, "read", "write", "admin"),)),
    ("a scope of another service", (on(ELSEWHERE, "write"),)),
    ("an unknown service", (on("scon_third", "read"),)),
    ("an unknown service without scopes", (on("scon_third"),)),
    ("one good and one not", (on(HERE, "read"), on(ELSEWHERE, "read", "write"))),
    ("a star", (on(HERE, "*"),)),
    ("a scope that begins alike", (on(HERE, "readonly"),)),
    ("a scope in capitals", (on(HERE, "READ"),)),
    ("a scope with a blank", (on(HERE, "read "),)),
    ("a scope in other letters", (on(HERE, "re\u0430d"),)),
    ("a service in capitals", (on(HERE.upper(), "read"),)),
    ("the same service again with more", (on(HERE, "read"), on(HERE, "admin"))),
]


@pytest.mark.parametrize("wanted", [case[1] for case in ESCALATIONS], ids=[case[0] for case in ESCALATIONS])
def test_wanting_more_than_is_granted_is_refused_and_not_cut(wanted: tuple[ServiceScope, ...]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        narrow(GRANTED, wanted)
    assert refused.value.code == "SCOPE_ESCALATION"
    assert refused.value.details["field"] == "scopes"


@pytest.mark.parametrize(
    "wanted", [(), (on(HERE, "read"),), (on(ELSEWHERE, "read"), on(HERE, "write")), (on(HERE),), GRANTED], ids=range(5)
)
def test_wanting_what_is_granted_or_less_gives_exactly_that(wanted: tuple[ServiceScope, ...]) -> None:
    assert narrow(list(GRANTED), list(wanted)) == wanted


def test_wanting_nothing_in_particular_gives_all_that_is_granted() -> None:
    assert narrow(list(GRANTED), None) == GRANTED


def test_a_passport_allows_nothing_on_a_service_it_does_not_name() -> None:
    assert scopes_on(PASSPORT, HERE) == {"read", "write"}
    assert scopes_on(PASSPORT, ELSEWHERE) == frozenset()
    assert effective_scopes((PASSPORT,), frozenset({"read"}), ELSEWHERE) == frozenset()


CONNECTIONS = ["scon_a", "scon_b", "scon_c"]
WORDS = st.frozensets(st.sampled_from(["read", "write", "admin", "repo:read"]))
SERVICES = st.dictionaries(st.sampled_from(CONNECTIONS), WORDS).map(
    lambda held: tuple(ServiceScope(connection, scopes) for connection, scopes in held.items())
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[frozenset[str], list[Passport]]:
    """A grant, and passports from root to child: each asks what it likes, and keeps its parent's when refused."""
    granted, held, chain = draw(WORDS), draw(SERVICES), []
    for _ in range(draw(st.integers(1, 8))):
        with suppress(InvalidRequest):
            held = narrow(held, draw(st.none() | SERVICES))
        # A parent may be narrowed after its child was issued (D-03): any other services, on any link.
        chain.append(replace(PASSPORT, services=draw(st.just(held) | SERVICES)))
    return granted, chain


@settings(max_examples=400, deadline=None)
@given(chains())
def test_a_child_never_reaches_beyond_its_parent_or_the_grant(world: tuple[frozenset[str], list[Passport]]) -> None:
    granted, root_first = world
    for connection in CONNECTIONS:
        above = granted
        for length in range(1, len(root_first) + 1):
            chain = root_first[:length][::-1]
            effective = effective_scopes(chain, granted, connection)
            assert effective <= above
            # The reference: a word counts when the grant and every link say it.
            assert effective == {w for w in granted if all(w in scopes_on(link, connection) for link in chain)}
            above = effective


@settings(max_examples=200, deadline=None)
@given(SERVICES, SERVICES)
def test_narrowing_never_widens(granted: tuple[ServiceScope, ...], wanted: tuple[ServiceScope, ...]) -> None:
    held = {service.connection_id: service.scopes for service in granted}
    fits = all(s.connection_id in held and s.scopes <= held[s.connection_id] for s in wanted)
    try:
        assert narrow(granted, wanted) == wanted
    except InvalidRequest:
        assert not fits
    else:
        assert fits


WEAKER = {(Mode.ENFORCED, Mode.LOGGED), (Mode.ENFORCED, Mode.STANDARD), (Mode.LOGGED, Mode.STANDARD)}


@pytest.mark.parametrize("child", Mode)
@pytest.mark.parametrize("parent", Mode)
def test_a_child_is_held_to_account_at_least_as_its_parent(parent: Mode, child: Mode) -> None:
    holder = replace(PASSPORT, mode=parent)
    if (parent, child) not in WEAKER:
        check_delegation(holder, child, child_is_parent=False)
        return
    with pytest.raises(InvalidRequest) as refused:
        check_delegation(holder, child, child_is_parent=False)
    assert refused.value.code == "DELEGATION_ACCOUNTABILITY_VIOLATION"
    assert refused.value.details["field"] == "child_agent_id"


@pytest.mark.parametrize("depth", range(MAXIMUM_DEPTH + 3))
def test_a_chain_ends_at_its_greatest_depth(depth: int) -> None:
    holder = replace(PASSPORT, depth=depth)
    if depth < MAXIMUM_DEPTH:
        check_delegation(holder, Mode.ENFORCED, child_is_parent=False)
        return
    with pytest.raises(InvalidRequest) as refused:
        check_delegation(holder, Mode.ENFORCED, child_is_parent=False)
    assert refused.value.code == "DELEGATION_DEPTH_EXCEEDED"


def test_an_agent_does_not_delegate_to_itself() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_delegation(PASSPORT, Mode.ENFORCED, child_is_parent=True)
    assert refused.value.details["field"] == "child_agent_id"
