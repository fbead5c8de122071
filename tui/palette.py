"""The command palette: the same actions as the keys, found by their words."""

from functools import partial
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.keymap import Key, Place, keys_of


@runtime_checkable
class HasKeys(Protocol):
    """A screen that says which parts of the keymap work on it."""

    places: tuple[Place, ...]


class KeymapProvider(Provider):
    """Offers what the keys of the screen underneath do."""

    async def discover(self) -> Hits:
        for key in self._keys():
            yield DiscoveryHit(_words(key), partial(self.screen.run_action, key.action))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            score = matcher.match(key.words)
            if score > 0:
                yield Hit(score, matcher.highlight(key.words), partial(self.screen.run_action, key.action))

    def _keys(self) -> list[Key]:
        return keys_of((*self.screen.places, "everywhere")) if isinstance(self.screen, HasKeys) else []


def _words(key: Key) -> str:
    return f"{key.words}  ({key.shown})"
