"""What the detectors are shown of a call, from memory where no commit has changed it: stop 4 waits for no disk."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stack_local.domain.calls import Call
from stack_local.domain.detection import PastCall
from stack_local.domain.errors import StackError
from stack_local.domain.services import Connection
from stack_local.proxy.facts import Draft, Sight, detector_facts, proposed, proposed_call
from stack_local.store import proxy as store
from stack_local.store.database import Database, Tx
from stack_local.system import System, milliseconds
from stack_local.vault.vault import Vault

HISTORY = 50
"""Earlier calls a detector sees."""

REMEMBERED = 4096
"""Pairs of bearer and service kept, and agents whose history is."""

Peek = Callable[[Tx], tuple[str, str]]
"""Agent and session of an asker, as far as they are known before the decision."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Who asks, and for which connection; good for one access generation."""

    generation: int
    agent_id: str
    session_id: str
    connection: Connection
    call: Call | None = None
    """The stored call that an approval alone stands for; such a one is not remembered."""


class Sightings:
    """Remembers who may be asking for what, and each agent's last calls.

    The decision reads its facts anew; it takes the call alone from here, where the connection it was made for is equal.
    """

    def __init__(self, database: Database, vault: Vault, system: System) -> None:
        self._database = database
        self._vault = vault
        self._system = system
        self._known: OrderedDict[tuple[str, str | None], _Known] = OrderedDict()
        self._past: OrderedDict[str, deque[PastCall]] = OrderedDict()

    async def of(self, bearer: str, peek: Peek, draft: Draft) -> Sight | None:
        """What the detectors see; None for a draft that cannot be read, which the transaction refuses.

        `bearer` names whom `peek` would find: equal ones stand for the same agent and session until access changes.
        """
        known = await self._who(bearer, peek, draft)
        if known is None:
            return None
        try:
            call = known.call or proposed(known.connection, draft)
        except StackError:
            return None
        facts = detector_facts(known.agent_id, known.session_id, known.connection, call, self._system.now())
        return Sight(known.connection, call, facts, tuple(self._past[known.agent_id]))

    async def _who(self, bearer: str, peek: Peek, draft: Draft) -> _Known | None:
        generation, key = self._database.access_generation, (bearer, draft.service)
        known = self._known.get(key)
        is_good = known is not None and known.generation == generation and known.agent_id in self._past
        if is_good and draft.names_call:
            return known
        looked = await self._database.read(lambda tx: self._look(tx, peek, draft, generation))
        if looked is None:
            return None
        found, past = looked
        # Whoever came first has been told of every call since; a later look may already hold some of them.
        self._past.setdefault(found.agent_id, deque(past, HISTORY))
        _bound(self._past)
        if found.call is None:
            self._known[key] = found
            _bound(self._known)
        return found

    def _look(self, tx: Tx, peek: Peek, draft: Draft, generation: int) -> tuple[_Known, tuple[PastCall, ...]] | None:
        try:
            connection, call = proposed_call(tx, self._vault, draft)
            agent_id, session_id = peek(tx)
        except StackError:
            return None
        stored = None if draft.names_call else call
        known = _Known(generation, agent_id, session_id, connection, stored)
        return known, store.recent(tx, agent_id, limit=HISTORY)

    def went_out(self, agent_id: str, digest: str, at: datetime) -> None:
        """A call was let out, and its record is durable."""
        past = self._past.get(agent_id)
        if past is not None:
            past.appendleft(PastCall(digest, milliseconds(at)))


def _bound(kept: OrderedDict[Any, Any]) -> None:
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
