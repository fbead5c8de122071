"""One of each: a call, a connection, an agent, a passport and an approval, for tests to vary."""

from datetime import UTC, datetime, timedelta

from stack_local.domain.agents import Access, Agent, AgentStatus, Asks
from stack_local.domain.approvals import Approval, Status
from stack_local.domain.calls import Call
from stack_local.domain.ids import AgentId, ApprovalId, PassportId, SessionId
from stack_local.domain.passports import Mode, Passport, ServiceScope
from stack_local.domain.services import Connection, Injection, InjectionStyle
from stack_local.domain.urls import HostPort, parse_url

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = "scon_here"
ELSEWHERE = "scon_elsewhere"

CALL = Call(
    connection_id=HERE,
    connection_version=1,
    credential_version=1,
    method="POST",
    url=parse_url("https://api.example.com/v1/things?dry=1"),
    headers=(("accept", "application/json"),),
    content_type="application/json",
    body=b'{"title":"hello","count":1}',
)

CONNECTION = Connection(
    id=HERE,
    provider="demo",
    label="Demo",
    hosts=(HostPort("api.example.com", 443),),
    injection=Injection(InjectionStyle.BEARER),
    scopes=frozenset({"read", "write"}),
    version=1,
    credential_version=1,
    asks_everything=False,
)

AGENT = Agent(
    id=AgentId("agt_child"),
    name="child",
    mode=Mode.ENFORCED,
    access=Access.PROXY_ONLY,
    asks=Asks.WRITES,
    status=AgentStatus.ACTIVE,
    passport_blocked=False,
)

PASSPORT = Passport(
    jti=PassportId("ppt_child"),
    agent_id=AGENT.id,
    session_id=SessionId("ses_one"),
    mode=Mode.ENFORCED,
    services=(ServiceScope(HERE, frozenset({"read", "write"})),),
    minted_by="key:key_one",
    issued_at=NOW - timedelta(minutes=1),
    expires_at=NOW + timedelta(minutes=4),
    latest_expires_at=NOW + timedelta(minutes=14),
    session_ends_at=NOW + timedelta(hours=24),
    checkpoint_seconds=300,
)

APPROVAL = Approval(
    id=ApprovalId("apr_one"),
    agent_id=AGENT.id,
    session_id=PASSPORT.session_id,
    chain=(AGENT.id,),
    status=Status.APPROVED,
    call=CALL,
    submitted_at=NOW - timedelta(minutes=2),
    expires_at=NOW + timedelta(minutes=13),
)
