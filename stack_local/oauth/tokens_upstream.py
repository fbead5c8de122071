"""What every way to have an upstream service's tokens shares: the request for them and what comes of it."""

from dataclasses import dataclass, field
from datetime import datetime

from stack_local.domain.secrets import Secret
from stack_local.domain.urls import Url


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One request to a token endpoint, as `egress` sends it. It holds secrets: only method and address are shown."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Content type and authorization included."""
    body: bytes = field(repr=False)
    """A form or JSON, as the content type says."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint answered."""

    access_token: Secret
    refresh_token: Secret | None
    expires_at: datetime | None
    """Aware UTC; None where the service named no end."""
    scopes: tuple[str, ...]
    """As the service said them; empty where it said none."""
