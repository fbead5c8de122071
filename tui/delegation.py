"""Passports as a tree of delegation: agents, their sessions, and what each passport delegated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from textual.content import Content

from stack_local.wire.passports import PassportRow
from tui.format import fitted, plural, short_id, time_left

Kind = Literal["agent", "session", "passport"]


@dataclass(frozen=True, slots=True)
class Node:
    """One row of the tree, and every passport that falls with it."""

    kind: Kind
    id: str
    depth: int
    passport: PassportRow
    """The passport itself, or the first one under it."""
    falls: tuple[PassportRow, ...]

    @property
    def row_id(self) -> str:
        """What the cursor is bound to."""
        return f"{self.kind}:{self.id}:{self.passport.jti if self.kind == 'passport' else ''}"

    def row(self, now: datetime, width: int) -> Content:
        """The row as drawn."""
        return _branch(self.depth) + self._words(now, width - 3 * self.depth)

    def _words(self, now: datetime, width: int) -> Content:
        match self.kind:
            case "agent":
                return Content.assemble(
                    fitted(self.passport.agent_name, width - 20).stylize("bold"), f"  {self._count()}"
                )
            case "session":
                return Content.assemble(("session ", "$foreground-muted"), short_id(self.id), f"  {self._count()}")
            case "passport":
                return self._passport_words(now, width)

    def _passport_words(self, now: datetime, width: int) -> Content:
        facts = f"  {self.passport.accountability} · {time_left(self.passport.expires_at, now)}"
        name = Content(short_id(self.passport.jti))
        if self.passport.parent_passport_id is not None:
            name = Content.assemble(name, " held by ", fitted(self.passport.agent_name, 20).stylize("bold"))
        room = width - name.cell_length - len(facts) - 2
        intent = fitted(self.passport.intent_summary or "", room) if room > 12 else Content("")
        return Content.assemble(name, facts, "  ", intent.stylize("$foreground-muted"))

    def _count(self) -> str:
        return plural(len(self.falls), "passport")


def _branch(depth: int) -> Content:
    return Content.assemble(("   " * (depth - 1) + "└─ " if depth else "", "$foreground-muted"))


def tree(passports: list[PassportRow]) -> list[Node]:
    """The rows, top to bottom. A passport whose parent is not here stands as a root: nothing is left out."""
    held = {passport.jti for passport in passports}
    roots = [passport for passport in passports if passport.parent_passport_id not in held]
    nodes: list[Node] = []
    for agent_id in dict.fromkeys(root.agent_id for root in roots):
        own = [root for root in roots if root.agent_id == agent_id]
        nodes.append(Node("agent", agent_id, 0, own[0], _all_under(own, passports)))
        for session_id in dict.fromkeys(root.session_id for root in own):
            of_session = [root for root in own if root.session_id == session_id]
            falls = tuple(passport for passport in passports if passport.session_id == session_id)
            nodes.append(Node("session", session_id, 1, of_session[0], falls))
            for root in of_session:
                nodes.extend(_branches(root, passports, 2))
    return nodes


def _branches(passport: PassportRow, passports: list[PassportRow], depth: int) -> Iterator[Node]:
    yield Node("passport", passport.jti, depth, passport, _all_under([passport], passports))
    for child in passports:
        if child.parent_passport_id == passport.jti:
            yield from _branches(child, passports, depth + 1)


def _all_under(roots: list[PassportRow], passports: list[PassportRow]) -> tuple[PassportRow, ...]:
    fallen = {root.jti: root for root in roots}
    for _ in passports:
        below = [
            passport for passport in passports if passport.parent_passport_id in fallen and passport.jti not in fallen
        ]
        if not below:
            break
        fallen |= {passport.jti: passport for passport in below}
    return tuple(fallen.values())
