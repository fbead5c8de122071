"""Operator sessions: a person is present. Kept in memory only; ended by time, by the lock and with the process."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from stack_local.domain.secrets import Secret
from stack_local.system import System

PREFIX = "sk_session_"
"""What a session token begins with."""

MAX_SESSIONS = 32
"""Sessions at once; the oldest goes."""


@dataclass(slots=True)
class _Session:
    id: str
    ends_at: datetime
    idle_until: datetime


class Sessions:
    """The live sessions of one process, by the hash of their token."""

    def __init__(self, system: System, *, idle_seconds: int, total_seconds: int) -> None:
        self._system = system
        self._idle = timedelta(seconds=idle_seconds)
        self._total = timedelta(seconds=total_seconds)
        self._live: dict[bytes, _Session] = {}

    def begin(self) -> tuple[Secret, datetime]:
        """A new session: its token and when it ends at the latest."""
        token = PREFIX + base64.urlsafe_b64encode(self._system.random_bytes(32)).rstrip(b"=").decode()
        now = self._system.now()
        while len(self._live) >= MAX_SESSIONS:
            self._live.pop(next(iter(self._live)))
        self._live[_hash(token)] = _Session(self._system.new_id("session"), now + self._total, now + self._idle)
        return Secret(token), now + self._total

    def find(self, raw_token: str) -> str | None:
        """The id of a live session; using it keeps it alive for another while."""
        key = _hash(raw_token)
        session = self._live.get(key)
        if session is None:
            return None
        now = self._system.now()
        if now >= min(session.ends_at, session.idle_until):
            del self._live[key]
            return None
        session.idle_until = now + self._idle
        return session.id

    def is_live(self, session_id: str) -> bool:
        """Whether a session goes on; asking does not keep it alive."""
        now = self._system.now()
        live = (session for session in self._live.values() if session.id == session_id)
        return any(now < min(session.ends_at, session.idle_until) for session in live)

    def end(self, session_id: str) -> None:
        """End one session; one that is over stays over."""
        self._live = {key: session for key, session in self._live.items() if session.id != session_id}

    def end_all(self) -> None:
        """The vault was locked."""
        self._live.clear()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
