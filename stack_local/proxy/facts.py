"""Reading what the decision needs, from one transaction: passport and ancestors, service, grant, approval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from stack_local.domain.calls import Body, Call, first_mismatch, forwarded, propose
from stack_local.domain.canonical import Json
from stack_local.domain.detection import CallFacts, Finding, PastCall
from stack_local.domain.errors import Forbidden, InvalidRequest
from stack_local.domain.ids import OperationId
from stack_local.domain.passports import Passport
from stack_local.domain.policy import Earlier, Facts
from stack_local.domain.services import Connection
from stack_local.domain.terms import Spent, Terms
from stack_local.egress.client import Upload
from stack_local.proxy import approvals
from stack_local.proxy.forwarding import Forward, Sink
from stack_local.proxy.own_tokens import carries_own_token
from stack_local.proxy.usage import Usage
from stack_local.store import access, agents, passports, services
from stack_local.store import proxy as operations
from stack_local.store.database import Tx
from stack_local.system import milliseconds
from stack_local.vault.vault import Vault

SALT_BYTES = 16
"""In front of the call where it is kept: what its commitment in the log is salted with."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call as an agent describes it; with an approval alone, the approved call stands for it."""

    service: str | None
    method: str
    url: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Json = None
    approval_id: str | None = None
    request_id: str | None = None
    """The operation id its caller chose: under it the call is made once."""
    forward: Forward | None = None
    """The request below `/p/` that it is; then `url` and `headers` come from there."""
    raw_body: bytes | None = None
    """Its body, where it was read."""
    upload: Upload | None = None
    """Its body, where it goes out as it comes."""

    @property
    def names_call(self) -> bool:
        """Whether it says what is called, and does not leave that to an approval."""
        return self.url is not None or self.forward is not None

    @property
    def sink(self) -> Sink | None:
        """Where the answer goes as it comes."""
        return None if self.forward is None else self.forward.sink


@dataclass(frozen=True, slots=True)
class World:
    """What the decision needs that no row holds."""

    now: datetime
    anchor_is_fresh: bool
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a draft before the decision: what the detectors are shown, and what that was made from."""

    connection: Connection
    call: Call
    facts: CallFacts
    past: tuple[PastCall, ...]


def proposed_call(tx: Tx, vault: Vault, draft: Draft, sight: Sight | None = None) -> tuple[Connection, Call]:
    """The connection and the exact call of a draft; `sight` spares making the call anew where the connection is equal.

    Raises:
        InvalidRequest: a field is missing or breaks a rule of form.
        NotFound: no such service is connected.
    """
    if not draft.names_call and draft.service is None and draft.approval_id is not None:
        approval = approvals.load(tx, vault, draft.approval_id)
        if approval is not None:
            connection = services.get_rule(tx, approval.call.connection_id)
            # The connection as it is now: a yes to earlier hosts or an earlier credential is no yes to these.
            call = replace(
                approval.call, connection_version=connection.version, credential_version=connection.credential_version
            )
            return connection, call
    if not draft.names_call or draft.service is None:
        missing = "service" if draft.names_call else "url"
        raise InvalidRequest(
            f"{missing} is missing", field=missing, rule="service and url, or approval_id alone", hint="name both"
        )
    connection = services.resolve(tx, draft.service)
    if sight is not None and sight.connection == connection:
        return connection, sight.call
    return connection, proposed(connection, draft)


def proposed(connection: Connection, draft: Draft) -> Call:
    """The exact call of a draft that names its url.

    Raises:
        InvalidRequest: a field breaks a rule of form.
        Forbidden: `/p/{service}` stands for nothing, because no host is bound.
    """
    if draft.forward is not None:
        if not connection.base:
            raise Forbidden(
                f"{connection.provider} is bound to no host yet",
                rule="host_not_bound",
                field="service",
                hint="ask a person to bind one",
            )
        return forwarded(
            connection.sending,
            draft.method,
            connection.base + draft.forward.target,
            draft.forward.headers,
            Body(draft.raw_body, is_streamed=draft.upload is not None),
            of=(connection.id, connection.version, connection.credential_version),
        )
    return propose(
        connection_id=connection.id,
        connection_version=connection.version,
        credential_version=connection.credential_version,
        rules=connection.sending,
        method=draft.method,
        url=connection.filled(draft.url or ""),
        headers=draft.headers,
        query=draft.query,
        body=draft.body,
    )


def gather(
    tx: Tx,
    vault: Vault,
    world: World,
    *,
    passport: Passport,
    connection: Connection,
    call: Call,
    approval_id: str | None = None,
    request_id: str | None = None,
    usage: Usage | None = None,
) -> Facts:
    """Everything `decide` reads."""
    chain = passports.chain(tx, passport)
    terms = access.terms_on(tx, passport.agent_id, connection.id)
    return Facts(
        now=world.now,
        vault_unlocked=vault.is_unlocked,
        anchor_fresh=world.anchor_is_fresh,
        chain=chain,
        agents=tuple(agents.get_rule(tx, link.agent_id) for link in chain),
        connection=connection,
        granted=access.scopes_on(tx, passport.agent_id, connection.id),
        declared=_declared(passport, connection),
        call=call,
        carries_own_token=carries_own_token(call, vault.token_marks()),
        findings=world.findings,
        approval_id=approval_id,
        approval=None if approval_id is None else approvals.load(tx, vault, approval_id),
        terms=terms,
        spent=() if usage is None else _spent(tx, usage, world.now, passport.agent_id, connection.id, terms),
        earlier=None if request_id is None else _earlier(tx, vault, passport.agent_id, request_id, call),
    )


def _spent(tx: Tx, usage: Usage, now: datetime, agent_id: str, connection_id: str, terms: Terms) -> tuple[Spent, ...]:
    allowance = access.allowance_of(tx, agent_id)
    return usage.spent(tx, now, (agent_id, connection_id), agent=allowance, grant=terms.allowance)


def _earlier(tx: Tx, vault: Vault, agent_id: str, request_id: str, call: Call) -> Earlier | None:
    """The call made under the same operation id; a newer credential or connection makes no other call of it."""
    row = operations.find_by_request(tx, agent_id, request_id)
    if row is None:
        return None
    if row.sealed_call is None:
        return Earlier(OperationId(row.id), None if row.digest == call.digest else "its digest")
    before = approvals.decode_call(vault.open_content(row.sealed_call, row_id=row.id)[SALT_BYTES:])
    before = replace(before, connection_version=call.connection_version, credential_version=call.credential_version)
    return Earlier(OperationId(row.id), first_mismatch(before, call))


def _declared(passport: Passport, connection: Connection) -> frozenset[str]:
    """The declared services, with this connection's slug read as its id."""
    return frozenset(connection.id if name == connection.provider else name for name in passport.intent_services)


def detector_facts(
    passport_agent: str, session_id: str, connection: Connection, call: Call, now: datetime
) -> CallFacts:
    """What the detectors see."""
    return CallFacts(
        agent_id=passport_agent,
        session_id=session_id,
        provider=connection.provider,
        method=call.method,
        host=call.url.host,
        path=call.url.raw_path,
        body_bytes=len(call.body or b""),
        call_digest=call.digest,
        at_milliseconds=milliseconds(now),
    )
