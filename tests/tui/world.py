"""A small appliance for the screens: what it holds, and a client that answers from it and changes with the answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from stack_local.domain import errors
from stack_local.domain.agents import Access, AgentStatus, Asks, OnFlag
from stack_local.domain.approvals import Breadth
from stack_local.domain.approvals import Status as ApprovalStatus
from stack_local.domain.audit import Layer, Outcome
from stack_local.domain.passports import Mode, State
from stack_local.domain.services import InjectionStyle
from stack_local.wire import (
    access,
    agents,
    audit,
    consents,
    decisions,
    intents,
    keys,
    passports,
    proxy,
    services,
    vault,
)
from tests.simulators.client import FakeClient

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""Where `TestSystem` begins."""

PASSPHRASE = "correct horse battery"
RECOVERY_CODE = "7K2M-9QXT-4BHD-0WZN-C5RJ-8VFP-3AEG-6YSK-1HTQ"
SESSION = "session-token-that-nobody-sees"


def identifier(prefix: str, number: int) -> str:
    """An id of the right form, told apart by its number."""
    return f"{prefix}_{number:022d}"


def call(**changes: Any) -> intents.ExactCall:
    """A call that opens an issue."""
    values: dict[str, Any] = {
        "service": "custom_github",
        "connection_id": identifier("scon", 1),
        "label": "github · octocat",
        "method": "POST",
        "url": "https://api.github.com/repos/acme/site/issues",
        "host": "api.github.com",
        "path": "/repos/acme/site/issues",
        "query": None,
        "headers": {"accept": "application/json"},
        "content_type": "application/json",
        "body": '{"title":"The footer is broken","amount":10000,"labels":["bug","site"]}',
        "body_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "digest": "ab" * 32,
    }
    values |= changes
    values.setdefault("body_bytes", len((values["body"] or "").encode("utf-8", "replace")))
    return intents.ExactCall(**values)


def intent(number: int = 1, **changes: Any) -> intents.IntentApproval:
    """A pending approval."""
    values: dict[str, Any] = {
        "id": identifier("apr", number),
        "approval_id": identifier("apr", number),
        "intent_claim_id": identifier("pc", number),
        "agent_id": identifier("agt", 1),
        "agent_name": "release-bot",
        "session_id": identifier("ses", 1),
        "status": ApprovalStatus.PENDING,
        "call": call(),
        "original_digest": None,
        "reason": "The footer shows last year; I open an issue so that the owner sees it.",
        "simulation": simulation(),
        "notes": None,
        "submitted_at": NOW - timedelta(seconds=30 - number),
        "expires_at": NOW + timedelta(hours=24) - timedelta(seconds=30),
        "decided_at": None,
        "decided_by": None,
        "breadth": Breadth.ONCE,
        "uses_left": 1,
        "operation_id": None,
        "identical_call_at": None,
        "last_similar": None,
    }
    return intents.IntentApproval(**(values | changes))


def simulation(**changes: Any) -> intents.Simulation:
    """What the dry run said: it would go out after a yes."""
    values: dict[str, Any] = {
        "allowed": True,
        "needs_approval": True,
        "denial_reasons": [],
        "simulated_cost": None,
        "predicted_detector_fires": [],
        "simulated_at": NOW,
        "claim_id": None,
        "diagnostics": {},
    }
    return intents.Simulation(**(values | changes))


def decision(number: int = 50, **changes: Any) -> decisions.PendingDecision:
    """A pending change of controls."""
    values: dict[str, Any] = {
        "id": identifier("apr", number),
        "operation": "grant_agent_access",
        "summary": "let release-bot use github: read, write",
        "arguments": {"agent_id": identifier("agt", 1), "scopes": ["read", "write"]},
        "asked_by": f"key {identifier('key', 1)}",
        "status": ApprovalStatus.PENDING,
        "submitted_at": NOW - timedelta(seconds=5),
        "expires_at": NOW + timedelta(hours=3),
        "decided_at": None,
        "decided_by": None,
        "notes": None,
        "result": None,
    }
    return decisions.PendingDecision(**(values | changes))


def grant(**changes: Any) -> access.Grant:
    """One agent's access to one connection."""
    values: dict[str, Any] = {
        "id": identifier("grt", 1),
        "agent_id": identifier("agt", 1),
        "service_connection_id": identifier("scon", 1),
        "provider": "custom_github",
        "service_name": "github",
        "scopes": ["read", "write"],
        "granted_by": identifier("op", 1),
        "granted_at": NOW,
    }
    return access.Grant(**(values | changes))


def agent(number: int = 1, **changes: Any) -> agents.Agent:
    """An enforced agent."""
    values: dict[str, Any] = {
        "id": identifier("agt", number),
        "operator_id": identifier("op", 1),
        "name": "release-bot",
        "description": "cuts releases",
        "status": AgentStatus.ACTIVE,
        "accountability_mode": Mode.ENFORCED,
        "on_warning": OnFlag.NOTIFY,
        "on_critical": OnFlag.BLOCK,
        "credential_access": Access.PROXY_ONLY,
        "approvals": Asks.WRITES,
        "passport_blocked": False,
        "passport_blocked_reason": None,
        "passport_blocked_at": None,
        "icon_url": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return agents.Agent(**(values | changes))


def connection(number: int = 1, **changes: Any) -> services.Connection:
    """A connected service."""
    values: dict[str, Any] = {
        "id": identifier("scon", number),
        "provider": "custom_github",
        "name": "github",
        "description": "the site's repository",
        "account": "octocat",
        "status": "connected",
        "hosts": ["api.github.com"],
        "injection": services.InjectionSpec(style=InjectionStyle.BEARER),
        "scopes": ["read", "write"],
        "asks_everything": False,
        "verification": "passed",
        "verified_at": NOW,
        "version": 1,
        "credential_version": 1,
        "connected_by": identifier("op", 1),
        "connected_at": NOW,
    }
    return services.Connection(**(values | changes))


def passport(number: int = 1, **changes: Any) -> passports.PassportRow:
    """A live passport."""
    values: dict[str, Any] = {
        "jti": identifier("ppt", number),
        "agent_id": identifier("agt", 1),
        "agent_name": "release-bot",
        "session_id": identifier("ses", 1),
        "parent_passport_id": None,
        "delegation_depth": 0,
        "accountability": Mode.ENFORCED,
        "state": State.ACTIVE,
        "services": ["github"],
        "intent_summary": "cut release 2.4 and open the follow-up issues",
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=12),
        "revoked_at": None,
        "revoked_reason": None,
    }
    return passports.PassportRow(**(values | changes))


def child_passport(number: int, parent: int, *, depth: int = 1, name: str = "docs-bot") -> passports.PassportRow:
    """A passport delegated from another, in the same session."""
    return passport(
        number,
        agent_id=identifier("agt", 1 + depth),
        agent_name=name,
        parent_passport_id=identifier("ppt", parent),
        delegation_depth=depth,
    )


def entry(sequence: int = 1, **changes: Any) -> audit.AuditEntry:
    """One line of the log."""
    values: dict[str, Any] = {
        "sequence": sequence,
        "entry_id": identifier("aud", sequence),
        "timestamp": int(NOW.timestamp() * 1000) + sequence * 1000,
        "trace_id": "t1",
        "operator_id": identifier("op", 1),
        "actor": "passport release-bot",
        "decided_by": "operator op_1",
        "agent_id": identifier("agt", 1),
        "passport_jti": identifier("ppt", 1),
        "layer": Layer.PROXY,
        "action": "credential.proxy",
        "outcome": Outcome.SUCCESS,
        "subject": "POST api.github.com/repos/acme/site/issues",
        "duration_ms": 120,
        "payload_hash": None,
        "error_code": None,
        "error_message": None,
        "detail": {"status": 201},
        "prev_entry_hash": "0" * 64,
        "entry_hash": f"{sequence:064x}",
    }
    return audit.AuditEntry(**(values | changes))


def consent_request(number: int = 1, **changes: Any) -> consents.ConsentRequest:
    """A client that asks to be let in."""
    values: dict[str, Any] = {
        "id": identifier("azr", number),
        "tag": "K7QX",
        "client_id": identifier("cli", number),
        "client_name": "Claude Code",
        "redirect_uri": "http://localhost:51234/callback",
        "redirect_host": "localhost:51234",
        "is_loopback": True,
        "scopes": ["services:read", "intents:write", "proxy:write"],
        "resource": "http://127.0.0.1:7822/mcp",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=10),
        "known_agent_id": None,
    }
    return consents.ConsentRequest(**(values | changes))


def consent(number: int = 1, **changes: Any) -> consents.Consent:
    """A client that was let in."""
    values: dict[str, Any] = {
        "id": identifier("cns", number),
        "client_id": identifier("cli", number),
        "client_name": "Codex",
        "redirect_uri": "http://127.0.0.1:40000/callback",
        "scopes": ["services:read"],
        "resource": "http://127.0.0.1:7822/mcp",
        "agent_id": identifier("agt", 1),
        "agent_name": "release-bot",
        "given_by": "session:" + identifier("ses", 1),
        "given_at": NOW - timedelta(days=1),
        "used_at": NOW - timedelta(minutes=5),
        "ends_at": NOW + timedelta(days=179),
    }
    return consents.Consent(**(values | changes))


class World:
    """What the fake appliance holds; change it, then call `changed()`."""

    def __init__(self, *, state: str = "unlocked") -> None:
        self.client = FakeClient()
        self.state = state
        self.intents: list[intents.IntentApproval] = []
        self.decisions: list[decisions.PendingDecision] = []
        self.passports: list[passports.PassportRow] = []
        self.connections: list[services.Connection] = []
        self.templates: list[services.CredentialTemplate] = []
        self.agents: list[agents.Agent] = []
        self.grants: list[access.Grant] = []
        self.requests: list[consents.ConsentRequest] = []
        self.consents: list[consents.Consent] = []
        self.entries: list[audit.AuditEntry] = []
        self.in_doubt: list[proxy.UnsettledWrite] = []
        self.status: dict[str, Any] = {}
        self.changes = 1
        for request, answer in self._answers().items():
            self.client.answer(request, answer)

    def changed(self) -> None:
        """Tell whoever watches."""
        self.changes += 1
        self.client.changed()

    def asked(self, request: type) -> list[Any]:
        """The requests of one class so far."""
        return [asked for asked in self.client.asked if isinstance(asked, request)]

    def refuse_session(self) -> None:
        """From now on nobody is known until the next passphrase."""
        self.client.session = None

    def _answers(self) -> dict[Any, Any]:
        return {
            vault.GetHealth: lambda _: vault.Health(ok=True, state=self.state, version="0"),
            vault.GetStatus: self._status_now,
            vault.CreateVault: self._create,
            vault.UnlockVault: self._open,
            vault.CreateSession: self._open,
            vault.LockVault: self._lock,
            intents.ListIntents: self._within(lambda _: intents.PendingIntents(items=self.intents)),
            intents.ApproveIntent: self._within(self._decide),
            intents.RejectIntent: self._within(self._decide),
            intents.SendBackIntent: self._within(self._decide),
            decisions.ListPendingDecisions: self._within(lambda _: decisions.PendingDecisions(items=self.decisions)),
            decisions.ApproveDecision: self._within(self._settle),
            decisions.RejectDecision: self._within(self._settle),
            passports.ListActivePassports: self._within(lambda _: passports.PassportRows(items=self.passports)),
            passports.RevokePassport: lambda asked: passports.Revoked(revoked=True, jti=asked.jti, cascaded=[]),
            passports.RevokeSession: lambda _: passports.RevokedMany(revoked_count=1),
            passports.RevokeAgentPassports: lambda _: passports.RevokedMany(revoked_count=1),
            passports.RevokeAllPassports: lambda _: passports.RevokedMany(revoked_count=3),
            services.ListConnections: self._within(lambda _: services.Connections(items=self.connections)),
            services.ListServices: self._within(
                lambda _: services.Services(items=[*map(self._service, self.connections)])
            ),
            services.ListCredentialTemplates: self._within(self._templates_of),
            services.ConnectCustomService: lambda asked: connection(9, name=asked.name, hosts=asked.hosts),
            services.BindConnectionHosts: lambda asked: connection(1, hosts=asked.hosts),
            services.DisconnectService: lambda asked: services.Disconnected(
                connection_id=asked.connection_id, revoked_passports=2
            ),
            services.VerifyConnection: lambda asked: services.Verification(
                connection_id=asked.connection_id, status="passed", upstream_status=200, message="200", checked_at=NOW
            ),
            access.GrantAgentAccess: self._grant,
            access.GetAgentPermissions: lambda asked: access.Permissions(agent_id=asked.agent_id, items=self.grants),
            access.RevokeAgentAccess: self._take_away,
            agents.ListAgents: self._within(lambda _: agents.Agents(items=self.agents)),
            agents.RegisterAgent: lambda asked: agent(7, name=asked.name),
            agents.UpdateAgent: lambda asked: agent(1),
            agents.UnblockAgent: lambda asked: agent(1),
            consents.ListConsentRequests: self._within(lambda _: consents.ConsentRequests(items=self.requests)),
            consents.ListConsents: self._within(lambda _: consents.Consents(items=self.consents)),
            consents.GiveConsent: self._let_in,
            consents.RefuseConsent: self._turn_away,
            consents.EnterDeviceCode: lambda _: consent_request(3),
            consents.RevokeConsent: lambda asked: consents.ConsentRevoked(id=asked.consent_id, revoked_passports=1),
            keys.CreateKey: self._mint,
            proxy.ListUnsettledWrites: lambda _: proxy.UnsettledWrites(items=self.in_doubt),
            proxy.SettleWrite: self._settle,
            audit.ListAudit: self._within(self._entries_after),
            audit.VerifyAuditChain: self._verify,
        }

    def _service(self, known: services.Connection) -> services.Service:
        is_checked = any(one.provider == known.provider and one.checked for one in self.templates)
        return services.Service(
            id=known.provider, provider=known.provider, name=known.name, description=known.description or "",
            available=True, connected=True, checked=is_checked, connections=[known],
        )  # fmt: skip

    def _templates_of(self, asked: services.ListCredentialTemplates) -> services.CredentialTemplates:
        return services.CredentialTemplates(
            items=[known for known in self.templates if asked.provider in (None, known.provider)]
        )

    def _let_in(self, asked: consents.GiveConsent) -> consents.Consent:
        self._turn_away(asked)
        self.consents.append(consent(1))
        return self.consents[-1]

    def _turn_away(self, asked: consents.GiveConsent | consents.RefuseConsent) -> consents.ConsentRequests:
        self.requests = [known for known in self.requests if known.id != asked.request_id]
        return consents.ConsentRequests(items=self.requests)

    def _within(self, answer: Any) -> Any:
        def known(request: Any) -> Any:
            if self.client.session is None:
                raise errors.Unauthorized("the session is over")
            return answer(request)

        return known

    def _status_now(self, _: vault.GetStatus) -> vault.ApplianceStatus:
        if self.client.session is None:
            raise errors.Unauthorized("no session")
        values: dict[str, Any] = {
            "state": self.state,
            "version": "0.1.0",
            "base_url": "http://127.0.0.1:7822",
            "operator_id": identifier("op", 1),
            "pending": len(self.intents) + len(self.decisions) + len(self.requests),
            "waiting_clients": len(self.requests),
            "in_doubt": len(self.in_doubt),
            "live_passports": len(self.passports),
            "chain_sequence": len(self.entries),
            "chain_head": "9f8e7d6c5b4a" + "0" * 52,
            "changes": self.changes,
            "approvals_advisory": True,
            "alarm": None,
        }
        return vault.ApplianceStatus(**(values | self.status))

    def _create(self, _: vault.CreateVault) -> vault.Created:
        self.state = "unlocked"
        return vault.Created(
            operator_id=identifier("op", 1),
            recovery_code=SecretStr(RECOVERY_CODE),
            home="/home/a/.local/share/stack-local",
        )

    def _open(self, asked: Any) -> vault.OperatorSession:
        given = asked.passphrase or asked.recovery_code
        if given.get_secret_value() not in (PASSPHRASE, RECOVERY_CODE):
            raise errors.Unauthorized("that does not open the vault", retry_after_seconds=2)
        self.state = "unlocked"
        return vault.OperatorSession(session=SecretStr(SESSION), expires_at=NOW + timedelta(hours=8))

    def _lock(self, _: vault.LockVault) -> vault.VaultState:
        self.state = "locked"
        return vault.VaultState(state="locked")

    def _decide(self, asked: Any) -> intents.IntentApproval:
        found = next((known for known in self.intents if known.id == asked.approval_id), None)
        if found is None:
            raise errors.Conflict("it is decided already")
        self.intents = [known for known in self.intents if known.id != asked.approval_id]
        return found

    def _settle(self, asked: Any) -> decisions.PendingDecision:
        found = next(known for known in self.decisions if known.id == asked.approval_id)
        self.decisions = [known for known in self.decisions if known.id != asked.approval_id]
        return found

    def _grant(self, asked: access.GrantAgentAccess) -> access.Grant:
        granted = grant(scopes=list(asked.scopes))
        self.grants.append(granted)
        return granted

    def _take_away(self, asked: access.RevokeAgentAccess) -> access.AccessRevoked:
        count, self.grants = len(self.grants), []
        return access.AccessRevoked(agent_id=asked.agent_id, revoked_grants=count, revoked_passports=1)

    def _mint(self, asked: keys.CreateKey) -> keys.CreatedKey:
        key = keys.ApiKey(
            id=identifier("key", 1),
            preset=asked.preset,
            label=asked.label,
            shown="sk_abcd",
            agent_id=asked.agent_id,
            decides_agents=[],
            decides_services=[],
            created_at=NOW,
            expires_at=None,
            revoked_at=None,
        )
        return keys.CreatedKey(api_key=SecretStr("sk_abcd_the_whole_key"), key=key, warning=None)

    def _settle(self, asked: proxy.SettleWrite) -> proxy.OperationResult:
        write = next(known for known in self.in_doubt if known.operation_id == asked.operation_id)
        self.in_doubt.remove(write)
        return proxy.OperationResult(
            operation_id=write.operation_id,
            state="outcome_unknown",
            created_at=write.created_at,
            finished_at=None,
            error_code=None,
            error_message=None,
            response=None,
        )

    def _entries_after(self, asked: audit.ListAudit) -> audit.AuditPage:
        newer = [known for known in self.entries if known.sequence > (asked.after_sequence or 0)]
        return audit.AuditPage(entries=newer[::-1][: asked.limit], max_timestamp=None)

    def _verify(self, _: audit.VerifyAuditChain) -> audit.ChainVerdict:
        head = audit.ChainHead(sequence=len(self.entries), entry_hash="0" * 64, count=len(self.entries))
        return audit.ChainVerdict(ok=True, checked=len(self.entries), first_break=None, reason=None, head=head)
