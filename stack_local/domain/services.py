"""A connection to a service: the hosts it is bound to and how its credential is put into a request."""

from dataclasses import dataclass
from enum import StrEnum

from stack_local.domain.calls import READING_METHODS
from stack_local.domain.urls import HostPort, Url

READ, WRITE = "read", "write"
"""The two scopes of a custom service."""


class InjectionStyle(StrEnum):
    """Where the credential goes."""

    BEARER = "bearer"
    HEADER = "header"
    BASIC = "basic"
    QUERY = "query"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Injection:
    """How a credential is put into a request."""

    style: InjectionStyle
    name: str | None = None
    """The header or query parameter."""
    template: str | None = None
    """The header's value with `{field}` for each credential field (style `template`)."""

    @property
    def header(self) -> str | None:
        """The header that only the appliance sets."""
        if self.style is InjectionStyle.QUERY:
            return None
        return self.name or "Authorization"

    @property
    def query(self) -> str | None:
        """The query parameter that only the appliance sets."""
        return self.name if self.style is InjectionStyle.QUERY else None


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as the decision reads it; the credential stays in the vault."""

    id: str
    provider: str
    label: str
    hosts: tuple[HostPort, ...]
    injection: Injection
    scopes: frozenset[str]
    version: int
    credential_version: int
    asks_everything: bool
    """The person chose that reads ask too."""
    connected: bool = True

    def allows_host(self, url: Url) -> bool:
        """Whether the connection is bound to exactly this host and port."""
        return HostPort(url.host, url.port) in self.hosts

    def reads(self, method: str) -> bool:
        """Whether a method only reads here: GET and HEAD, unless the person chose otherwise (house decision 4)."""
        return method in READING_METHODS and not self.asks_everything

    def needed_scope(self, method: str) -> str:
        """The scope a method needs."""
        return READ if method in READING_METHODS else WRITE
