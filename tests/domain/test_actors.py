"""Who may loosen, who sees everything, and how a caller is named in the log."""

import pytest

from stack_local.domain import scopes
from stack_local.domain.actors import APPLIANCE, NOBODY, Actor, Kind

PERSON = Actor(kind=Kind.SESSION, id="ses_one")
PASSPORT = Actor(kind=Kind.PASSPORT, id="ppt_one")


def key(preset: str) -> Actor:
    return Actor(kind=Kind.KEY, id="key_one", preset=preset)


ACTORS: list[tuple[str, Actor, bool, bool, bool]] = [
    # name, who, is a person, may loosen, sees everything
    ("nobody", NOBODY, False, False, False),
    ("a person", PERSON, True, True, True),
    ("the appliance", APPLIANCE, False, True, True),
    ("an agent key", key("agent"), False, False, False),
    ("a readonly key", key("readonly"), False, False, True),
    ("an admin key", key("admin"), False, True, True),
    ("an approver key", key("approver"), False, False, False),
    ("a passport", PASSPORT, False, False, False),
    ("a key without a preset", Actor(kind=Kind.KEY, id="key_one"), False, False, False),
]


@pytest.mark.parametrize(("actor", "person", "loosens", "sees"), [a[1:] for a in ACTORS], ids=[a[0] for a in ACTORS])
def test_an_actor_may_do_this_much(actor: Actor, person: bool, loosens: bool, sees: bool) -> None:
    assert (actor.is_person, actor.may_loosen, actor.sees_everything) == (person, loosens, sees)


def test_every_preset_stands_in_the_table() -> None:
    assert {actor.preset for _, actor, *_ in ACTORS} >= set(scopes.PRESETS)


def test_the_log_names_kind_and_id() -> None:
    assert [actor.label for actor in (NOBODY, PERSON, APPLIANCE, PASSPORT)] == [
        "nobody",
        "session:ses_one",
        "system",
        "passport:ppt_one",
    ]


def test_nobody_holds_no_scope() -> None:
    assert NOBODY.scopes == frozenset()
    assert APPLIANCE.scopes == scopes.ALL
