"""The pool as an httpx transport, for libraries that bring their own httpx client."""

from dataclasses import dataclass

import httpx

from stack_local.domain.urls import parse_url
from stack_local.egress.client import OUR_HEADERS, complete
from stack_local.egress.connections import Pool
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.limits import Limits
from stack_local.egress.messages import InboundResponse, OutboundRequest, Peer

EXTENSION = "stack"
"""The key of the `Pin` in `request.extensions`."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a request goes, decided before httpx sees it."""

    address: str
    """The checked address, from `resolve.pin`."""
    pool_key: str
    """Whose connections it may share."""


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends to the pinned address and to nothing else; a request without a pin is refused.

    Errors are ours (`EgressFailed`), not httpx's: they say whether the request may have left.
    """

    def __init__(self, pool: Pool, *, loop_time: "LoopTime", limits: Limits | None = None) -> None:
        self._pool = pool
        self._limits = limits or Limits()
