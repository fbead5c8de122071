"""One agent with a key and a service it may use, and how its refusals are looked at."""

from dataclasses import dataclass
from typing import Any

import httpx

from stack_local.domain.errors import StackError
from stack_local.domain.secrets import Secret
from stack_local.wire.agents import Agent
from stack_local.wire.audit import VerifyAuditChain
from stack_local.wire.passports import IssuedPassport
from stack_local.wire.services import Connection
from stack_local.wire.vault import GetStatus, UnlockVault
from tests.conftest import PASSPHRASE, Running, decoded
from tests.e2e.harness import read_log
from tests.simulators.upstream import Upstream

INTENT = {"summary": "bad input test"}
MINUTE = 60


@dataclass
class Scene:
    """An agent with a key, a service it may use, and how its refusals are looked at."""

    running: Running
    upstream: Upstream
    connection: Connection
    agent: Agent
    http: httpx.AsyncClient

    def url(self, path: str = "/things") -> str:
        return f"{self.upstream.base_url}{path}"

    def read(self, path: str = "/things", **more: Any) -> dict[str, Any]:
        return {"service": "custom_demo", "url": self.url(path), **more}

    def write(self, **more: Any) -> dict[str, Any]:
        return {"service": "custom_demo", "method": "POST", "url": self.url(), "body": {"n": 1}, **more}

    async def proxy(self, call: dict[str, Any], bearer: str | None = None) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return await self.http.post("/v1/proxy", json=call, headers=headers)

    async def asked(self) -> str:
        """The id of a pending approval of the write."""
        held = await self.proxy(self.write())
        approval_id: str = decoded(held)["error"]["details"]["approval_id"]
        return approval_id

    async def passport(self) -> IssuedPassport:
        """One that the agent's key minted."""
        issued = await self.http.post("/v1/passports/issue", json={"agent_id": self.agent.id, "intent": INTENT})
        return IssuedPassport.model_validate_json(issued.content)

    async def refused(self, answer: httpx.Response, status: int, code: str, **details: object) -> None:
        """The answer is a clear refusal with its record; nothing went out for it; the next good call works."""
        explained(answer, status, code, **details)
        last = (await read_log(self.running.person))[-1]
        assert (last.outcome, last.error_code) == ("blocked", code)
        await self.goes_on()

    async def goes_on(self, *, already: int = 0) -> None:
        """A good call works, and is the only one that went out besides those named."""
        assert len(self.upstream.requests) == already
        assert (await self.proxy(self.read())).status_code == 200
        assert len(self.upstream.requests) == already + 1
        assert (await self.running.person.call(VerifyAuditChain())).ok


def explained(answer: httpx.Response, status: int, code: str, **details: object) -> dict[str, Any]:
    """The envelope of a refusal that says what, why and what would pass; its details."""
    assert answer.status_code == status, answer.text
    error = decoded(answer)["error"]
    said: dict[str, Any] = error.get("details", {})
    assert error["code"] == code
    assert error["message"]
    assert said.get("hint") or said.get("rule"), error
    assert {name: said.get(name) for name in details} == details
    return said


def explains(error: StackError, kind: type[StackError], code: str) -> None:
    """The same of an error that a client raised."""
    assert isinstance(error, kind)
    assert error.code == code
    assert error.details.get("hint") or error.details.get("rule"), dict(error.details)


async def counted(scene: Scene) -> int:
    """Refusals that were counted, once the job has written them."""
    for _ in range(5):
        changes = (await scene.running.person.call(GetStatus())).changes
        rows = [entry for entry in await read_log(scene.running.person) if entry.action == "refusals.count"]
        if rows:
            return sum(value for entry in rows for value in entry.detail.values() if isinstance(value, int))
        scene.running.system.advance(2 * MINUTE)
        await scene.running.person.call(GetStatus(after_changes=changes, wait_seconds=2))
    return 0


async def unlock(running: Running) -> None:
    """Unlock, and let the person go on in the session that this began."""
    running.person.hold_session(None)
    session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
    running.person.hold_session(Secret(session.session.get_secret_value()))
