"""An agent, a client, a request and a consent as they stand in the store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from stack_local.domain.agents import Access, AgentStatus, Asks, OnFlag
from stack_local.domain.consents import AuthorizationRequest, Consent, RequestState
from stack_local.domain.passports import Mode
from stack_local.store import agents, authorization_requests, consents
from stack_local.store.database import Tx
from stack_local.wire.agents import Agent
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()

CONSENT = Consent(
    id="cns_1",
    client_id="cli_1",
    client_name="a client",
    redirect_uri="http://127.0.0.1/cb",
    scope="agents:read proxy:write",
    resource="http://127.0.0.1:7822/mcp",
    agent_id="agt_1",
    given_by="session:ses_1",
    given_at=NOW,
    ends_at=NOW + timedelta(days=180),
    used_at=NOW,
)

REQUEST = AuthorizationRequest(
    id="azr_1",
    client_id="cli_1",
    tag="BCDF",
    secret_hash="s" * 64,
    state=RequestState.SHOWN,
    parameters="a=b",
    redirect_uri="http://127.0.0.1/cb",
    scope="proxy:write",
    resource="http://127.0.0.1:7822/mcp",
    code_challenge="c" * 43,
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)


def insert_agent(tx: Tx, agent_id: str = "agt_1") -> None:
    """An agent of that id and name."""
    agents.insert(
        tx,
        Agent(
            id=agent_id,
            operator_id="op_1",
            name=agent_id,
            description=None,
            status=AgentStatus.ACTIVE,
            accountability_mode=Mode.ENFORCED,
            on_warning=OnFlag.NOTIFY,
            on_critical=OnFlag.NOTIFY,
            credential_access=Access.PROXY_ONLY,
            approvals=Asks.WRITES,
            passport_blocked=False,
            passport_blocked_reason=None,
            passport_blocked_at=None,
            icon_url=None,
            created_at=NOW,
            updated_at=NOW,
        ),
        owner="session:ses_1",
    )


def insert_consent(tx: Tx, **changed: Any) -> Consent:
    """A consent, and its agent where there is none yet."""
    consent = replace(CONSENT, **changed)
    if agents.find_name(tx, consent.agent_id) is None:
        insert_agent(tx, consent.agent_id)
    consents.insert(tx, consent)
    return consent


def insert_request(tx: Tx, name: str = "1", **changed: Any) -> AuthorizationRequest:
    """A request of that name."""
    request = replace(REQUEST, id=f"azr_{name}", secret_hash=name * 64, **changed)
    authorization_requests.insert(tx, request)
    return request
