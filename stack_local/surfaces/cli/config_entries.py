"""What the configuration file of a client is to hold for us, and how that goes into and out of its parsed form."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

Tree = dict[str, JsonValue]

ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):\d+/mcp(?:/core)?")
"""An appliance of ours, whichever port it had."""


class WrongShapeError(ValueError):
    """A value on the way to ours is no object, or no list."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of ours."""

    keys: tuple[str, ...]
    """From the top of the file to the value, or to the list that holds it."""
    value: JsonValue
    also_ours: tuple[JsonValue, ...] = ()
    """Other forms of it that we write."""
    is_item: bool = False
    """Whether it is one item of a list that others fill too."""

    @property
    def name(self) -> str:
        """The keys as a person reads them."""
        return ".".join(self.keys)


def find(tree: Tree, entry: Entry) -> Entry | None:
    """The entry with the value that the tree holds in its place.

    Raises:
        WrongShapeError: the place cannot be there.
    """
    parent = tree
    for key in entry.keys[:-1]:
        if key not in parent:
            return None
        parent = _object(parent[key], key)
    last = entry.keys[-1]
    if last not in parent:
        return None
    if not entry.is_item:
        return replace(entry, value=parent[last])
    return entry if entry.value in _list(parent[last], last) else None


def is_ours(found: Entry, wanted: Entry) -> bool:
    """Whether what was found is something that we write, for whichever port."""
    return found.is_item or _shape(found.value) in {_shape(value) for value in (wanted.value, *wanted.also_ours)}


def is_satisfied(found: Entry, wanted: Entry) -> bool:
    """Whether what was found says all that we want; a person may have added to it."""
    return _holds(found.value, wanted.value)


def put(tree: Tree, entries: Sequence[Entry]) -> Tree:
    """The tree with the entries in it; what else it holds keeps its order.

    Raises:
        WrongShapeError: a place cannot be made.
    """
    for entry in entries:
        if find(tree, entry) != entry:
            tree = _put(tree, entry.keys, entry)
    return tree


def take_out(tree: Tree, entries: Sequence[Entry], before: Tree) -> Tree:
    """The tree without the entries; where `before` had something in their place, that is put back.

    Raises:
        WrongShapeError: a place cannot be there.
    """
    for entry in entries:
        earlier = find(before, entry)
        if earlier is not None:
            tree = put(tree, [earlier])
        elif find(tree, entry) is not None:
            tree = _without(tree, entry.keys, entry, before)
    return tree


def _put(tree: Tree, keys: tuple[str, ...], entry: Entry) -> Tree:
    key, below = keys[0], keys[1:]
    if below:
        return tree | {key: _put(_object(tree.get(key, {}), key), below, entry)}
    if entry.is_item:
        return tree | {key: [*_list(tree.get(key, []), key), entry.value]}
    return tree | {key: entry.value}


def _without(tree: Tree, keys: tuple[str, ...], entry: Entry, before: Tree) -> Tree:
    key, below = keys[0], keys[1:]
    earlier = before.get(key)
    if below:
        left: JsonValue = _without(_object(tree[key], key), below, entry, earlier if isinstance(earlier, dict) else {})
    else:
        left = [item for item in _list(tree[key], key) if item != entry.value] if entry.is_item else {}
    if left or key in before:
        return tree | {key: left}
    return {name: value for name, value in tree.items() if name != key}


def _object(value: JsonValue, key: str) -> Tree:
    if not isinstance(value, dict):
        raise WrongShapeError(f"{key} is not an object in it")
    return value


def _list(value: JsonValue, key: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise WrongShapeError(f"{key} is not a list in it")
    return value


def _shape(value: JsonValue) -> str:
    return ADDRESS.sub("ADDRESS", json.dumps(value, sort_keys=True))


def _holds(value: JsonValue, wanted: JsonValue) -> bool:
    if not isinstance(wanted, dict):
        return value == wanted
    return isinstance(value, dict) and all(key in value and _holds(value[key], wanted[key]) for key in wanted)
