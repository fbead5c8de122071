"""What workers tell the screens: small values that carry the state reached."""

from dataclasses import dataclass
from typing import Any

from textual.message import Message

from stack_local.wire.access import Grant
from stack_local.wire.agents import Agent
from stack_local.wire.audit import AuditEntry
from stack_local.wire.catalogue import Request
from stack_local.wire.connecting import ConnectAttempt, ServiceConnecting
from stack_local.wire.consents import Consent, ConsentRequest
from stack_local.wire.decisions import PendingDecision
from stack_local.wire.intents import IntentApproval
from stack_local.wire.keys import CreatedKey
from stack_local.wire.passports import PassportRow
from stack_local.wire.proposals import Proposal
from stack_local.wire.services import Connection, CredentialField, CredentialTemplate, Service
from stack_local.wire.vault import ApplianceStatus, Created, OperatorSession


@dataclass(eq=False)
class StatusReached(Message):
    """The appliance's status as of now."""

    status: ApplianceStatus

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StatusReached)


@dataclass(eq=False)
class ConnectionLost(Message):
    """Nobody answers; the next try comes in so many seconds."""

    retry_seconds: float

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ConnectionLost)


@dataclass(eq=False)
class StateFound(Message):
    """What the appliance is at the start: `empty`, `sealed`, `locked` or `unlocked`."""

    state: str


@dataclass(eq=False)
class VaultCreated(Message):
    """A vault exists, and its recovery code is to be shown once."""

    created: Created


@dataclass(eq=False)
class SessionOpened(Message):
    """A person's session began."""

    session: OperatorSession


@dataclass(eq=False)
class SessionEnded(Message):
    """The appliance no longer knows our session: it expired, or the vault was locked."""


@dataclass(eq=False)
class Refused(Message):
    """The appliance, or a rule of ours, said no."""

    words: str
    hint: str | None = None


@dataclass(eq=False)
class Doubted(Message):
    """The appliance said no, and takes it if a person says that it is right: by this request."""

    request: Request[Any]
    refused: Refused


@dataclass(eq=False)
class Done(Message):
    """A change was made."""

    words: str


@dataclass(eq=False)
class QueueLoaded(Message):
    """What waits for a person, of both kinds."""

    intents: list[IntentApproval]
    decisions: list[PendingDecision]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, QueueLoaded)


@dataclass(eq=False)
class AuditLoaded(Message):
    """New audit entries, newest first."""

    entries: list[AuditEntry]


@dataclass(eq=False)
class PassportsLoaded(Message):
    """The passports that are good now."""

    passports: list[PassportRow]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, PassportsLoaded)


@dataclass(eq=False)
class ServicesLoaded(Message):
    """The connected services."""

    connections: list[Connection]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ServicesLoaded)


@dataclass(eq=False)
class CheckedLoaded(Message):
    """The connected services, with whether each is verified."""

    services: list[Service]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, CheckedLoaded)


@dataclass(eq=False)
class GrantsLoaded(Message):
    """What one agent may use."""

    agent_id: str
    grants: list[Grant]


@dataclass(eq=False)
class AgentsLoaded(Message):
    """Every agent."""

    agents: list[Agent]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, AgentsLoaded)


@dataclass(eq=False)
class ServiceConnected(Message):
    """A service is connected; a grant may follow."""

    connection: Connection


@dataclass(eq=False)
class TemplatesLoaded(Message):
    """What the catalogue knows."""

    templates: list[CredentialTemplate]


@dataclass(eq=False)
class ConnectingBegun(Message):
    """A known service is connected, or a log-in at it waits for the person."""

    connecting: ServiceConnecting


@dataclass(eq=False)
class AttemptReached(Message):
    """How a log-in stands as of now."""

    attempt: ConnectAttempt

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, AttemptReached)


@dataclass(eq=False)
class ProposalsLoaded(Message):
    """What agents would like connected."""

    proposals: list[Proposal]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ProposalsLoaded)


@dataclass(eq=False)
class ProposalTaken(Message):
    """A proposal that a person fills in, and what its service asks for."""

    proposal: Proposal
    template: CredentialTemplate


@dataclass(eq=False)
class RotationPrepared(Message):
    """Which fields another secret of a connection has."""

    connection: Connection
    fields: list[CredentialField]


@dataclass(eq=False)
class LogInNeeded(Message):
    """A connection gets another credential by a log-in alone."""

    connection: Connection
    flow: str


@dataclass(eq=False)
class ClientsLoaded(Message):
    """Which OAuth clients wait, and which were let in."""

    requests: list[ConsentRequest]
    consents: list[Consent]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ClientsLoaded)


@dataclass(eq=False)
class ConsentPrepared(Message):
    """What a person chooses from when a client is let in."""

    asked: ConsentRequest
    connections: list[Connection]
    agents: list[Agent]


@dataclass(eq=False)
class KeyCreated(Message):
    """A key exists, and its value is to be shown once."""

    created: CreatedKey
