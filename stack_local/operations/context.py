"""What a handler is given besides its request: who asks, when, the ports, and the trail it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from stack_local.domain.actors import Actor
from stack_local.domain.audit import Layer, Outcome
from stack_local.domain.detection import Finding
from stack_local.domain.scanning import Scanned
from stack_local.domain.secrets import Secret
from stack_local.egress.way import Way
from stack_local.feed import Feed
from stack_local.oauth.server import AuthorizationServer
from stack_local.oauth.token_endpoint import TokenEndpoint
from stack_local.operations.rates import Rates
from stack_local.plugin_api import Registrar
from stack_local.proxy.forwarding import Forward
from stack_local.proxy.pipeline import Pipeline
from stack_local.settings import Settings
from stack_local.store.audit import Scribe
from stack_local.store.database import Database
from stack_local.system import System
from stack_local.vault.sessions import Sessions
from stack_local.vault.vault import Vault
from stack_local.wire.catalogue import Surface
from stack_local.wire.vault import Created, SlotList, VaultState

Scalar = str | int | bool | None


class Appliance(Protocol):
    """What the process as a whole can do; `app.py` is it."""

    @property
    def state(self) -> str: ...

    @property
    def base_url(self) -> str: ...

    @property
    def alarm(self) -> str | None: ...

    @property
    def is_shared_user(self) -> bool: ...

    def jwks(self) -> list[dict[str, str]]: ...

    def authorization_server(self) -> AuthorizationServer: ...

    async def create(self, passphrase: Secret) -> Created: ...

    async def unlock(self, *, passphrase: Secret | None, recovery_code: Secret | None) -> None: ...

    async def check_passphrase(self, passphrase: Secret) -> None: ...

    async def change_passphrase(self, passphrase: Secret, new: Secret) -> SlotList: ...

    async def renew_recovery_code(self, passphrase: Secret) -> Secret: ...

    async def set_keyring(self, passphrase: Secret, *, enabled: bool) -> SlotList: ...

    def lock(self) -> VaultState: ...

    def seal(self) -> VaultState: ...


@dataclass(frozen=True, slots=True)
class Core:
    """The ports that exist while the vault is open."""

    database: Database
    vault: Vault
    pipeline: Pipeline
    oauth: AuthorizationServer
    """We as the server of our own clients."""
    tokens: TokenEndpoint
    """We as a client of the services'."""
    scribe: Scribe
    plugins: Registrar


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a handler may use."""

    system: System
    settings: Settings
    sessions: Sessions
    feed: Feed
    rates: Rates
    way: Way
    appliance: Appliance


@dataclass(frozen=True, slots=True)
class Extra:
    """A record an operation leaves besides its own: one per child of a cascade."""

    action: str
    agent_id: str | None
    passport_jti: str | None
    subject: str | None
    layer: Layer = Layer.SYSTEM
    outcome: Outcome = Outcome.SUCCESS


@dataclass(slots=True)
class Trail:
    """What the operation's own record will say; filled by the handler, written by the door."""

    agent_id: str | None = None
    passport_jti: str | None = None
    subject: str | None = None
    detail: dict[str, Scalar] = field(default_factory=dict)
    extras: list[Extra] = field(default_factory=list)
    is_recorded: bool = False
    """The pipeline has written the records itself."""
    findings: tuple[Finding, ...] = ()
    """What the detectors said of a call that is only proposed, before the transaction began."""
    scanned: tuple[Scanned, int] | None = None
    """What was thought of a content before the transaction began, and the milliseconds it took."""


@dataclass(frozen=True, slots=True)
class Context:
    """One call through the door."""

    actor: Actor
    surface: Surface
    patience_seconds: float | None
    """How long the caller waits for an answer; None: as long as it asks for."""
    trace_id: str
    now: datetime
    ports: Ports
    core_or_none: Core | None
    trail: Trail
    on_operation: "OperationListener"
    forward: Forward | None = None
    """The request below `/p/` that a proxied call is."""

    @property
    def core(self) -> Core:
        """The open vault. The door has refused everything else while it is sealed."""
        assert self.core_or_none is not None
        return self.core_or_none

    def note(
        self,
        *,
        agent_id: str | None = None,
        passport_jti: str | None = None,
        subject: str | None = None,
        **detail: Scalar,
    ) -> None:
        """Say in the record whom and what it is about."""
        self.trail.agent_id = agent_id or self.trail.agent_id
        self.trail.passport_jti = passport_jti or self.trail.passport_jti
        self.trail.subject = subject or self.trail.subject
        self.trail.detail.update(detail)


class OperationListener(Protocol):
    """Hears the id of a proxied call before it is sent, so that a surface need not wait for its end."""

    def __call__(self, operation_id: str, /) -> None: ...


def quiet(operation_id: str, /) -> None:
    """Nobody listens."""


Fields = Mapping[str, object]
"""A request's arguments, or the state a loosening rule compares them with."""
