"""A connection to a service: the hosts it is bound to and how its credential is put into a request."""

from dataclasses import dataclass
from enum import StrEnum

from stack_local.domain.actions import CUSTOM, Effect, ServiceRules
from stack_local.domain.calls import Call, SendingRules
from stack_local.domain.urls import HostPort, Url

READ, WRITE = "read", "write"
"""The two scopes of a connection."""


class InjectionStyle(StrEnum):
    """Where the credential goes."""

    BEARER = "bearer"
    HEADER = "header"
    BASIC = "basic"
    QUERY = "query"
    TEMPLATE = "template"
    AWS_SIGV4 = "aws_sigv4"
    PATH = "path"
    """In front of the path, as Telegram wants it: `/bot<token>/sendMessage`."""


LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts of this machine: without TLS unless their port is its own."""

AWS_HEADERS = frozenset({"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
"""What a signature brings along besides `Authorization`."""


@dataclass(frozen=True, slots=True)
class Injection:
    """How a credential is put into a request."""

    style: InjectionStyle
    name: str | None = None
    """The header or query parameter; for `aws_sigv4` the name of the AWS service where the host does not tell it."""
    template: str | None = None
    """The header's value with `{field}` for each credential field (style `template`)."""

    more: tuple[tuple[str, str], ...] = ()
    """Further headers: name, and value with `{field}` in it."""

    @property
    def header(self) -> str | None:
        """The header that carries the credential."""
        if self.style in (InjectionStyle.QUERY, InjectionStyle.PATH):
            return None
        return "Authorization" if self.name is None or self.style is InjectionStyle.AWS_SIGV4 else self.name

    @property
    def headers(self) -> frozenset[str]:
        """The headers that only the appliance sets, in lower case."""
        own = {self.header.lower()} if self.header is not None else set[str]()
        signed = AWS_HEADERS if self.style is InjectionStyle.AWS_SIGV4 else frozenset[str]()
        return frozenset(own | {name.lower() for name, _ in self.more} | signed)

    @property
    def query(self) -> str | None:
        """The query parameter that only the appliance sets."""
        return self.name if self.style is InjectionStyle.QUERY else None


@dataclass(frozen=True, slots=True)
class Place:
    """What a sealed credential is bound to: it opens nowhere else."""

    connection_id: str
    provider: str
    hosts: tuple[str, ...]
    """`host:port`, in any order."""
    version: int


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
    rules: ServiceRules = CUSTOM
    """What its template says; a copy of its own."""
    placeholders: tuple[tuple[str, str], ...] = ()
    """The person's own parts of the URL, by name: what `{{subdomain}}` stands for."""
    base_url: str | None = None
    """What `/p/{service}/` stands for."""
    reconnect_reason: str | None = None
    """Why its credential no longer works; a person connects it again."""

    def allows_host(self, url: Url) -> bool:
        """Whether the connection is bound to exactly this host and port."""
        return HostPort(url.host, url.port) in self.hosts

    @property
    def base(self) -> str:
        """The URL that `/p/{service}` stands for, without a slash at its end; empty where no host is bound."""
        if self.base_url is not None:
            return self.base_url.rstrip("/")
        if not self.hosts:
            return ""
        first = self.hosts[0]
        scheme = "https" if first.port == 443 or first.host not in LOCAL else "http"
        return f"{scheme}://{first.text}"

    def filled(self, url: str) -> str:
        """A URL with the person's own parts in it: `{{subdomain}}` (product.md 5.1)."""
        for name, value in self.placeholders:
            url = url.replace(f"{{{{{name}}}}}", value)
        return url

    @property
    def sending(self) -> SendingRules:
        """What its calls may look like."""
        return SendingRules(
            self.injection.headers, self.injection.query, self.rules.headers, self.rules.default_headers
        )

    def effect_of(self, call: Call) -> Effect:
        """Whether the call reads or writes at the service."""
        return self.rules.effect_of(call)

    def reads(self, call: Call) -> bool:
        """Whether a call passes as a read: it only reads, and the person did not choose that reads ask too."""
        return self.effect_of(call) is Effect.READ and not self.asks_everything

    def needed_scope(self, call: Call) -> str:
        """The scope a call needs."""
        return READ if self.effect_of(call) is Effect.READ else WRITE
