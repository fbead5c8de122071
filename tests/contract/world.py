"""A prepared world for the contract: an appliance, one bearer of each kind, and things for operations to act on."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import keyring
from keyring.backend import KeyringBackend

from stack_local.domain.errors import StackError
from stack_local.domain.scopes import OAUTH
from stack_local.domain.secrets import Secret
from stack_local.oauth.token_endpoint import TOKEN_LIMITS
from stack_local.operations.context import Core
from stack_local.store import access, services
from stack_local.store import connecting as attempts
from stack_local.store.database import Tx
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent, RegisterAgent
from stack_local.wire.audit import AuditChainHead, AuditEntry, ListAudit
from stack_local.wire.connecting import ConnectService, ServiceConnecting
from stack_local.wire.consents import GiveConsent, ListConsentRequests, RefuseConsent
from stack_local.wire.decisions import ListPendingDecisions, RejectDecision
from stack_local.wire.intents import ListIntents, SendBackIntent, SubmitIntent, Submitted
from stack_local.wire.passports import IssuedPassport, IssuePassport
from stack_local.wire.proposals import DeclineProposal, ListProposals
from stack_local.wire.services import Connection
from stack_local.wire.vault import CreateSession, UnlockVault
from tests.conftest import PASSPHRASE, PLAIN, Running, begin, decoded, served
from tests.oauth.flow import Login
from tests.simulators.authorization_server import AuthorizationServer, Wire
from tests.simulators.egress import opened
from tests.simulators.shop import CLIENT, SHOP, catalogued, shop
from tests.simulators.upstream import Upstream

BEARERS = ("none", "passport", "oauth", "agent", "readonly", "admin", "approver", "session")
"""The kinds of bearer (house decision 2)."""

SIDES = ("agents", "person")
"""TCP, and the admin socket."""

MARK = {"no_such_field": "mark"}
"""Its refusal is recorded behind all that was queued before: the outcome of a read may follow the answer."""

INTENT = {"summary": "read the list of things"}


class MemoryBackend(KeyringBackend):
    """A keyring for the library's own seam: nothing of this machine's is touched."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@dataclass
class World:
    """An unlocked appliance with one agent that is granted one service, and a bearer of each kind."""

    running: Running
    upstream: Upstream
    connection: Connection
    agent: Agent
    """Enforced and `direct`; the agent key and the passport stand for it."""
    tokens: dict[str, str | None]
    socket: httpx.AsyncClient
    tcp: httpx.AsyncClient
    server: AuthorizationServer = field(default_factory=AuthorizationServer)
    """Of the shop."""
    count: int = field(default=0)

    @property
    def person(self) -> Any:
        """The client of the person's session."""
        return self.running.person

    def fresh(self) -> str:
        """A name that nothing else has."""
        self.count += 1
        return f"fresh-{self.count}"

    def side(self, name: str) -> httpx.AsyncClient:
        """The HTTP client of one side of the house."""
        return self.tcp if name == "agents" else self.socket

    async def post(self, side: str, bearer: str, operation: str, arguments: dict[str, Any]) -> httpx.Response:
        """`POST /v1/call/{operation}` on one side, as one bearer."""
        return await self.side(side).post(f"/v1/call/{operation}", json=arguments, headers=self.headers(bearer))

    def headers(self, bearer: str) -> dict[str, str]:
        """What the bearer sends to be known."""
        token = self.tokens[bearer]
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    async def agent_of(self, bearer: str, **controls: Any) -> Agent:
        """A fresh agent that the bearer sees, with a grant on the connection."""
        name = self.fresh()
        if bearer in ("agent", "passport"):
            made = await self.post("agents", "agent", "register_agent", {"name": name})
            agent = Agent.model_validate(decoded(made))
        else:
            agent = await self.person.call(RegisterAgent(name=name, **controls))
        await self.grant(agent.id, self.connection.id)
        return agent

    async def grant(self, agent_id: str, connection_id: str) -> None:
        """Let an agent read and write on a connection."""
        await self.person.call(
            GrantAgentAccess(agent_id=agent_id, service_connection_id=connection_id, scopes=["read", "write"])
        )

    async def passport(self, agent_id: str | None = None) -> IssuedPassport:
        """A passport of a fresh session, minted by the person."""
        return await self.person.call(IssuePassport(agent_id=agent_id or self.agent.id, intent=INTENT))

    async def passport_by(self, bearer: str) -> IssuedPassport:
        """A passport that the bearer minted: a passport delegates it, everybody else issues it."""
        if bearer == "passport":
            child = await self.agent_of("agent")
            asked = {"parent_passport_token": self.tokens["passport"], "child_agent_id": child.id}
            answer = await self.post("agents", bearer, "delegate_passport", asked)
        elif bearer in ("agent", "admin", "oauth"):
            asked = {"agent_id": self.agent.id, "intent": INTENT}
            answer = await self.post("agents", bearer, "issue_passport", asked)
        else:
            return await self.passport()
        assert answer.status_code == 200, answer.text
        return IssuedPassport.model_validate(decoded(answer))

    @property
    def core(self) -> Core:
        """The ports of the open vault."""
        core = self.running.appliance.dispatcher._core
        assert core is not None
        return core

    async def begun(self) -> ServiceConnecting:
        """A log-in at the shop, begun by the person."""
        return await self.person.call(ConnectService(service_id=SHOP, **CLIENT))

    async def shopped(self, **fields: Any) -> str:
        """The id of a connection to the shop that the agent may use."""
        made = await self.person.call(ConnectService(service_id=SHOP, oauth_token="shop-token-1", **fields))
        await self.grant(self.agent.id, made.id)
        return str(made.id)

    def ship_another_shop(self) -> None:
        """A newer version of the shop's template comes with the appliance."""
        templates = self.core.plugins.templates
        templates[SHOP] = templates[SHOP].model_copy(update={"description": f"A shop of {self.fresh()}."})

    async def pending(self) -> Submitted:
        """An intent of the agent that waits for a person, in a session of its own."""
        passport = await self.passport()
        target = {"service": "custom_demo", "method": "POST", "url": f"{self.upstream.base_url}/things"}
        claim = {"target": target, "parameters": {"body": {"name": self.fresh()}}, "reason": "because"}
        token = passport.token.get_secret_value()
        return await self.person.call(SubmitIntent(intent=claim, passport_token=token))

    async def held(self) -> str:
        """The id of a change that the agent key asked for and a person must allow."""
        agent = await self.agent_of("agent")
        asked = {"agent_id": agent.id, "accountability_mode": "logged"}
        refused = await self.post("agents", "agent", "update_agent", asked)
        return str(decoded(refused)["error"]["details"]["governance_approval_id"])

    async def asked_consent(self) -> str:
        """The id of a log-in that waits for the person."""
        login = Login(self.running, self.tcp)
        await login.register()
        await login.open()
        await login.press("ask")
        return login.request_id

    async def consent(self) -> str:
        """The id of a consent that was given just now."""
        given = await self.person.call(GiveConsent(request_id=await self.asked_consent()))
        return str(given.id)

    async def device_code(self) -> str:
        """What our own command shows, to be typed into the terminal."""
        answer = await self.tcp.post("/oauth/device_authorization", data={"client_id": "stack-cli"})
        return str(decoded(answer)["user_code"])

    async def settle(self) -> None:
        """Undo what a call may have left: a locked vault, an ended session or passport, a full queue."""
        try:
            await self.person.call(ListIntents())
        except StackError:
            await self.unlock()
        for intent in (await self.person.call(ListIntents(limit=100))).items:
            await self.person.call(SendBackIntent(approval_id=intent.id, notes="tidying"))
        for decision in (await self.person.call(ListPendingDecisions())).items:
            await self.person.call(RejectDecision(approval_id=decision.id))
        for asked in (await self.person.call(ListConsentRequests())).items:
            await self.person.call(RefuseConsent(request_id=asked.id))
        for proposal in (await self.person.call(ListProposals())).items:
            await self.person.call(DeclineProposal(proposal_id=proposal.id))
        await self.core.database.write(self._forget)
        alive = await self.post("agents", "passport", "list_services", {})
        if alive.status_code != 200:
            self.tokens["passport"] = (await self.passport()).token.get_secret_value()

    def _forget(self, tx: Tx) -> None:
        """Log-ins that wait, and grants on connections of earlier examples: a passport names all that are granted."""
        attempts.delete_old(tx, before=self.running.system.now() + timedelta(days=1))
        for made in services.list_(tx):
            if made.id != self.connection.id:
                access.delete(tx, self.agent.id, made.id)

    async def unlock(self) -> None:
        """Unlock as the person, and hold the session."""
        self.person.hold_session(None)
        session = await self.person.call(UnlockVault(passphrase=PASSPHRASE))
        self.hold(session.session.get_secret_value())

    def hold(self, session: str) -> None:
        """Act as this session."""
        self.tokens["session"] = session
        self.person.hold_session(Secret(session))

    async def records_after(self, sequence: int) -> list[AuditEntry]:
        """What was recorded since, oldest first; what the clock does is left out."""
        await self.post("person", "session", "get_health", MARK)
        page = await self.person.call(ListAudit(limit=100, after_sequence=sequence))
        *entries, mark = [entry for entry in reversed(page.entries) if entry.actor != "system"]
        assert mark.action == "health.get"
        return entries

    async def head(self) -> int:
        """The number of the last record, once what was queued is written."""
        await self.post("person", "session", "get_health", MARK)
        return int((await self.person.call(AuditChainHead())).sequence)


@contextmanager
def memory_keyring() -> Iterator[None]:
    """The keyring of this process is one in memory."""
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryBackend())
    try:
        yield
    finally:
        keyring.set_keyring(before)


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[World]:
    """A world in a folder of its own."""
    async with AsyncExitStack() as stack:
        stack.enter_context(memory_keyring())
        upstream = await stack.enter_async_context(Upstream(token="upstream-secret-9f8e7d6c5b4a"))
        server = await stack.enter_async_context(AuthorizationServer())
        egress = await stack.enter_async_context(opened(limits=TOKEN_LIMITS))
        stack.enter_context(catalogued(shop(upstream)))
        wire = Wire(server, egress)
        running = await stack.enter_async_context(served(folder / "home", folder / "state", token_sender=wire))
        socket = await stack.enter_async_context(socket_client(running))
        tcp = await stack.enter_async_context(running.http())
        await begin(running)
        world = await _furnished(running, upstream, socket, tcp)
        world.server = server
        yield world


def socket_client(running: Running) -> httpx.AsyncClient:
    """A bare HTTP client of the admin socket."""
    transport = httpx.AsyncHTTPTransport(uds=str(running.places.admin_socket), verify=PLAIN)
    return httpx.AsyncClient(transport=transport, base_url="http://stack-local", timeout=30)


async def _furnished(running: Running, upstream: Upstream, socket: httpx.AsyncClient, tcp: httpx.AsyncClient) -> World:
    connection = await running.connect(upstream, verify_path="/things")
    agent = await running.agent("helper", connection, credential_access="direct")
    tokens: dict[str, str | None] = {
        "none": None,
        "agent": await running.key(agent_id=agent.id),
        "readonly": await running.key(preset="readonly"),
        "admin": await running.key(preset="admin"),
        "approver": await running.key(preset="approver", decides_agents=[agent.id], decides_services=[connection.id]),
    }
    world = World(running, upstream, connection, agent, tokens, socket, tcp)
    session = await running.person.call(CreateSession(passphrase=PASSPHRASE))
    world.hold(session.session.get_secret_value())
    tokens["passport"] = (await world.passport()).token.get_secret_value()
    tokens["oauth"] = await _oauth_token(world)
    return world


async def _oauth_token(world: World) -> str:
    """A token for the whole appliance, of a client that stands for the agent, with every scope there is."""
    login = Login(world.running, world.tcp)
    await login.register()
    await login.open(resource=world.running.base_url, scope=" ".join(OAUTH))
    code = await login.allow(agent_id=world.agent.id)
    return str(decoded(await login.token(code=code))["access_token"])


def code_of(response: httpx.Response) -> str:
    """The code of a refusal."""
    return str(json.loads(response.content)["error"]["code"])
