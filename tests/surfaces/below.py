"""A program that was given nothing but a base URL below `/p/` and a key, and the person behind it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from stack_local.domain.agents import Asks
from stack_local.wire.agents import Agent
from stack_local.wire.audit import AuditEntry, ListAudit
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, IntentApproval
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService, Connection
from tests.conftest import PLAIN, TOKEN, Running, decoded
from tests.e2e.harness import PATIENCE_SECONDS, open_operations


@dataclass
class Program:
    """One agent's program and the service it believes to speak to."""

    running: Running
    agent: Agent
    connection: Connection
    bearer: str
    key_id: str

    @property
    def path(self) -> str:
        """What stands in front of the service's own path."""
        return f"/p/{self.connection.provider}"

    @property
    def base_url(self) -> str:
        return f"{self.running.base_url}{self.path}"

    def http(self, **headers: str) -> httpx.AsyncClient:
        """A client of the service, as its vendor would configure it."""
        sent = {"Authorization": f"Bearer {self.bearer}"} | headers
        return httpx.AsyncClient(base_url=self.base_url, headers=sent, timeout=30, trust_env=False, verify=PLAIN)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """The head of a request, for a caller on a raw socket."""
        host = self.running.base_url.removeprefix("http://")
        first = [f"{method} {self.path}{path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {self.bearer}"]
        return "\r\n".join([*first, *lines, "", ""]).encode("latin-1")

    async def approval(self, approval_id: str) -> IntentApproval:
        return await self.running.person.call(GetIntentApproval(approval_id=approval_id))

    async def approve(self, approval_id: str) -> None:
        """The person says yes."""
        pending = await self.approval(approval_id)
        assert pending.call is not None
        await self.running.person.call(ApproveIntent(approval_id=approval_id, digest=pending.call.digest))

    async def entries(self) -> list[AuditEntry]:
        """Its calls in the log, oldest first."""
        page = await self.running.person.call(ListAudit(limit=100, action="credential.proxy"))
        own = [
            entry for entry in page.entries if entry.agent_id == self.agent.id or entry.actor == f"key:{self.key_id}"
        ]
        return sorted(own, key=lambda entry: entry.sequence)

    async def settled(self) -> list[AuditEntry]:
        """The same, once every call that was let out has its outcome: of a read it may follow the answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                entries = await self.entries()
                if not open_operations(entries):
                    return entries

    async def outcomes(self) -> list[str]:
        """How its calls stand in the log, oldest first."""
        return [entry.outcome for entry in await self.settled()]


async def program(
    running: Running,
    host_port: str,
    name: str,
    *,
    approvals: Asks = Asks.NEVER,
    token: str = TOKEN,
    **fields: Any,
) -> Program:
    """A program of a new agent, with a key; its calls are held as `approvals` says. The service is `custom_<name>`."""
    asked = ConnectCustomService(name=name, credential=token, hosts=[host_port], **fields)
    connection = await running.person.call(asked)
    agent = await running.agent(name, connection, approvals=approvals)
    created = await running.person.call(CreateKey(agent_id=agent.id))
    return Program(running, agent, connection, created.api_key.get_secret_value(), created.key.id)


def refusal(response: httpx.Response) -> tuple[int, str, Any]:
    """Status, code and rule of a refusal."""
    error = decoded(response)["error"]
    return response.status_code, error["code"], error.get("details", {}).get("rule")
