"""Asking a service's authorization server: one request through `egress`, with all its guards, and small limits."""

from stack_local.domain.urls import HostPort
from stack_local.egress.client import InboundResponse, OutboundRequest
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits
from stack_local.oauth.client_documents import Sender
from stack_local.oauth.tokens_upstream import TokenRequest
from stack_local.oauth.upstream_answers import Later

ANSWER_BYTES = 64 * 1024
"""Of one answer, after the content coding is taken off."""

ASK_SECONDS = 10.0

TOKEN_LIMITS = Limits(
    total_seconds=ASK_SECONDS,
    response_body_bytes=ANSWER_BYTES,
    response_wire_bytes=2 * ANSWER_BYTES,
    response_head_bytes=32 * 1024,
    idle_connections=0,
)
"""Of the `Egress` that asks."""


class TokenEndpoint:
    """Sends token requests. It reads nothing: what an answer means, whoever asked says."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def ask(self, request: TokenRequest, *, private_allowed: frozenset[HostPort]) -> InboundResponse | Later:
        """The answer, or why there is none. `private_allowed` are pairs that a person named for this connection."""
        outbound = OutboundRequest(
            request.method,
            request.url,
            request.headers,
            request.body,
            pool_key=f"tokens {request.url.host}",
            private_allowed=private_allowed,
        )
        try:
            return await self._sender.send(outbound)
        except EgressFailed as failed:
            return Later(f"the service could not be asked: {failed.code}")
