"""Phrases: what a written one matches, and what every one of ours keeps."""

import re

import pytest

from stack_local.domain.scan_languages import ABROAD, CHINESE, MARKS
from stack_local.domain.scan_patterns import Family, Phrase, Slot, Verdict, written
from stack_local.domain.scan_phrases import ENGLISH

PHRASES = ENGLISH + ABROAD

SAMPLE = written("override.sample", Verdict.CRITICAL, "please|kindly forget! the|all?2 *?1 rules|house_rules")

MATCHES: list[tuple[str, tuple[int, int] | None]] = [
    ("please forget rules", (0, 3)),
    ("kindly forget all the rules", (0, 5)),
    ("now please forget the old rules of chess", (1, 6)),
    ("please forget house rules", (0, 4)),
    ("please forget the old house rules", (0, 6)),
    ("please forget all the all rules", (0, 6)),
    ("please forget all the very old rules", None),
    ("please forget the house", None),
    ("please do forget the rules", None),
    ("forget the rules", None),
    ("please forget", None),
    ("rules", None),
]


def spans(text: str, phrase: Phrase) -> list[tuple[int, int]]:
    words = text.split()
    ends = [(start, phrase.end(words, start)) for start in range(len(words))]
    return [(start, end) for start, end in ends if end is not None]


@pytest.mark.parametrize(("text", "span"), MATCHES, ids=[text for text, _ in MATCHES])
def test_a_phrase_matches_word_by_word(text: str, span: tuple[int, int] | None) -> None:
    assert spans(text, SAMPLE) == ([] if span is None else [span])


def test_a_written_phrase_is_its_slots() -> None:
    assert SAMPLE.family is Family.OVERRIDE
    assert SAMPLE.slots == (
        Slot(("please", "kindly")),
        Slot(("forget",), is_key=True),
        Slot(("the", "all"), 0, 2),
        Slot((), 0, 1),
        Slot(("rules", "house_rules")),
    )
    assert (SAMPLE.keys, SAMPLE.reach) == (("forget",), 1)


def test_a_slot_without_a_mark_takes_one_word_of_any_kind() -> None:
    phrase = written("bypass.x", Verdict.CRITICAL, "stop! * now")
    assert spans("stop that now", phrase) == [(0, 3)]
    assert spans("stop now", phrase) == []


def test_the_key_of_a_word_in_parts_is_its_last_part() -> None:
    phrase = written("bypass.x", Verdict.CRITICAL, "drop your safety_net|guard_rail! now")
    assert (phrase.keys, phrase.reach) == (("net", "rail"), 3)
    assert spans("do drop your safety net now", phrase) == [(1, 6)]


def test_a_phrase_in_another_spelling_matches_that() -> None:
    assert spans("PLEASE FORGET RULES", SAMPLE.spelled(str.upper)) == [(0, 3)]


SQUASHABLE = [
    ("long", "please forget! rules", True),
    ("short", "stop! now", False),
    ("with any word", "please forget! * rules", False),
    ("with a word that may be missing", "please forget! the?1 rules", True),
]


@pytest.mark.parametrize(("slots", "is_so"), [case[1:] for case in SQUASHABLE], ids=[case[0] for case in SQUASHABLE])
def test_a_long_phrase_of_known_words_tells_enough_without_its_spaces(slots: str, is_so: bool) -> None:
    assert written("bypass.x", Verdict.CRITICAL, slots).is_squashable is is_so


def test_the_worse_verdict_ranks_higher() -> None:
    assert [verdict.rank for verdict in (Verdict.CLEAN, Verdict.SUSPICIOUS, Verdict.CRITICAL)] == [0, 1, 2]


# -- what every phrase keeps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.id)
def test_a_phrase_has_one_key_and_words_at_both_ends(phrase: Phrase) -> None:
    assert sum(slot.is_key for slot in phrase.slots) == 1
    assert all(slot.least == 1 and slot.words for slot in (phrase.slots[0], phrase.slots[-1]))
    assert all(slot.words or slot.most <= 8 for slot in phrase.slots)


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.id)
def test_a_phrase_is_of_words_as_they_are_searched(phrase: Phrase) -> None:
    words = [word for slot in phrase.slots for word in slot.words]
    assert [word for word in words if not re.fullmatch("[a-z]+(_[a-z]+)*", word)] == []


def test_every_phrase_and_writing_has_a_name_of_its_own_and_the_family_it_begins_with() -> None:
    everything = (*PHRASES, *CHINESE, *MARKS)
    assert len({one.id for one in everything}) == len(everything)
    names = {family: {one.id.partition(".")[0] for one in everything if one.family is family} for family in Family}
    assert sorted(map(len, names.values())) == [0, 1, 1, 1, 1, 1]
