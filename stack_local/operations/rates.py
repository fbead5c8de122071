"""How often one principal may do what costs a person's attention or a service's patience: a bucket for each."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from stack_local.domain.actors import Actor
from stack_local.domain.errors import TooMany
from stack_local.settings import Settings
from stack_local.system import System
from stack_local.wire.catalogue import Rate

REMEMBERED = 4096
"""Buckets kept; the one unused the longest is full again by then, or nearly."""

RATES = "rates"
"""The name under which the vault keeps what a person chose."""

CHOSEN: Mapping[Rate, str] = {"intents": "intents_per_hour", "proxy": "proxy_calls_per_minute"}
"""What a person may choose for themselves; no file can."""

PER_SECONDS: Mapping[Rate, int] = {"intents": 3600, "proxy": 60, "registrations": 3600, "scans": 60, "tokens": 60}


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Token buckets in memory: a restart fills them, which nobody but a person can bring about."""

    def __init__(self, system: System, settings: Settings) -> None:
        self._system = system
        self._limits: dict[Rate, int] = {
            "intents": settings.intents_per_hour,
            "proxy": settings.proxy_calls_per_minute,
            "registrations": settings.registrations_per_hour,
            "scans": settings.scans_per_minute,
            "tokens": settings.token_requests_per_minute,
        }
        self._buckets: OrderedDict[tuple[Rate, str], _Bucket] = OrderedDict()

    def allow(self, chosen: Mapping[str, int]) -> None:
        """A person chose these limits, by the names of their settings."""
        self._limits |= {rate: chosen[name] for rate, name in CHOSEN.items()}
        self._buckets.clear()

    def allowed(self) -> dict[str, int]:
        """What a person may choose, as it is now."""
        return {name: self._limits[rate] for rate, name in CHOSEN.items()}

    def load(self, kept: str | None) -> None:
        """The choice that the vault keeps."""
        if kept is not None:
            self.allow(json.loads(kept))

    def take(self, rate: Rate, principal: str) -> None:
        """Count one.

        Raises:
            TooMany: `retry_after_seconds` says when the next one passes.
        """
        limit, now = self._limits[rate], self._system.monotonic()
        bucket = self._buckets.setdefault((rate, principal), _Bucket(limit, now))
        self._buckets.move_to_end((rate, principal))
        refill = limit / PER_SECONDS[rate]
        bucket.left = min(float(limit), bucket.left + (now - bucket.at) * refill)
        bucket.at = now
        if bucket.left < 1:
            raise TooMany(
                f"too many {rate} for now",
                rule=f"{limit} in {PER_SECONDS[rate]} seconds",
                retry_after_seconds=ceil((1 - bucket.left) / refill),
                hint="wait, then go on more slowly",
            )
        bucket.left -= 1
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)


def principal_of(actor: Actor) -> str:
    """Whose bucket: the agent's where it is known, so that a new passport is no new bucket."""
    return actor.agent_id or actor.label
