"""One error tree, one table to statuses, one table back: each class stands in all of them."""

import re

from stack_local import client
from stack_local.domain import errors
from stack_local.domain.errors import StackError
from stack_local.surfaces.cli import statuses
from stack_local.surfaces.errors import STATUS, status_of

CLASSES = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StackError)} - {
    StackError
}


def test_every_class_of_the_tree_has_its_own_status() -> None:
    assert set(STATUS) == CLASSES
    assert len(set(STATUS.values())) == len(STATUS)


def test_a_client_makes_the_same_class_of_every_status() -> None:
    for kind, status in STATUS.items():
        body = b'{"error": {"message": "m", "code": "C", "details": {"field": "f"}}}'
        told = client.error_of(status, body)
        assert type(told) is kind
        assert (told.code, told.details) == ("C", {"field": "f"})


def test_every_class_has_its_own_code() -> None:
    codes = [kind.default_code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", code) for code in codes)


def test_a_class_that_descends_from_one_of_the_tree_has_its_status() -> None:
    class Narrower(errors.Forbidden):
        """A class of one engine."""

    assert status_of(Narrower("no")) == STATUS[errors.Forbidden]
    assert statuses.status_of(Narrower("no")) == statuses.status_of(errors.Forbidden("no"))


def test_every_class_is_drawn_in_the_tree() -> None:
    drawn = re.findall(r"^[├└]── (\w+) .*\((\d{3})\)$", errors.__doc__ or "", flags=re.MULTILINE)
    assert {name: int(status) for name, status in drawn} == {kind.__name__: STATUS[kind] for kind in CLASSES}


def test_every_class_but_a_defect_has_an_exit_status_of_its_kind() -> None:
    ours = {kind for kind in CLASSES if statuses.status_of(kind("x")) == statuses.DEFECT}
    assert ours == {errors.Broken}
