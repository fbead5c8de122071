"""Bad input, one test an item: a clear error, its record, nothing half done, and the server goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local import app
from stack_local.domain.errors import Conflict, StackError, TooMany, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent, RegisterAgent
from stack_local.wire.audit import VerifyAuditChain
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, RejectIntent, SendBackIntent
from stack_local.wire.keys import CreateKey
from stack_local.wire.passports import IssuedPassport, RevokePassport
from stack_local.wire.services import ConnectCustomService, Connection
from stack_local.wire.vault import CreateSession, GetHealth, GetStatus, LockVault, UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, decoded, served
from tests.e2e.harness import Server, UpstreamProcess, approved, read_log
from tests.simulators.clock import TestSystem
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


@pytest.fixture
async def scene(appliance: Running, upstream: Upstream) -> AsyncIterator[Scene]:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        yield Scene(appliance, upstream, connection, agent, http)


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


# -- the request itself ------------------------------------------------------------------------------------------------


async def test_an_unknown_operation(scene: Scene) -> None:
    answer = await scene.http.post("/v1/call/drop_everything", json={})
    explained(answer, 404, "NOT_FOUND")
    await scene.goes_on()


async def test_an_unknown_route(scene: Scene) -> None:
    explained(await scene.http.get("/v1/nowhere"), 404, "NOT_FOUND")
    await scene.goes_on()


async def test_an_unknown_field(scene: Scene) -> None:
    await scene.refused(await scene.proxy(scene.read(verify_tls=False)), 400, "INVALID_REQUEST", field="verify_tls")


async def test_a_wrong_type(scene: Scene) -> None:
    await scene.refused(await scene.proxy(scene.read(max_chars="many")), 400, "INVALID_REQUEST", field="max_chars")


async def test_an_empty_body(scene: Scene) -> None:
    await scene.refused(await scene.http.post("/v1/proxy", content=b""), 400, "INVALID_REQUEST", field="url")


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'"text"', b'{"url": NaN}', b'{"a": 1, "a": 2}', b"\xff\xfe", b"[" * 999]
)
async def test_a_body_that_is_no_json_object(content: bytes, scene: Scene) -> None:
    await scene.refused(await scene.http.post("/v1/proxy", content=content), 400, "INVALID_REQUEST")


async def test_a_body_that_is_too_large(scene: Scene) -> None:
    """The whole of it is sent: who is refused must be able to read why."""
    explained(await scene.http.post("/v1/proxy", content=b" " * 10_500_001), 413, "TOO_LARGE")
    await scene.goes_on()


async def test_a_body_that_is_announced_too_large_is_not_waited_for(scene: Scene) -> None:
    host, port = scene.running.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/proxy HTTP/1.1\r\nHost: %b:%b\r\n" % (host.encode(), port.encode()))
    writer.write(b"Content-Length: 10500001\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await scene.goes_on()


# -- the bearer --------------------------------------------------------------------------------------------------------


async def test_no_bearer(scene: Scene) -> None:
    async with scene.running.http() as nobody:
        answer = await nobody.post("/v1/proxy", json=scene.read())
    explained(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    await scene.goes_on()
    assert await counted(scene) >= 1


@pytest.mark.parametrize("bearer", ["sk_live_unknown", "not.a.token", "x" * 9000, "eyJhbGciOiJub25lIn0.e30."])
async def test_a_bearer_of_nobody(bearer: str, scene: Scene) -> None:
    answer = await scene.proxy(scene.read(), bearer)
    assert answer.status_code == 401
    explained(answer, 401, decoded(answer)["error"]["code"])
    await scene.goes_on()
    assert await counted(scene) >= 1


async def test_an_expired_passport(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(6 * MINUTE)
    explained(await scene.proxy(scene.read(), issued.token.get_secret_value()), 401, "PASSPORT_EXPIRED")
    await scene.goes_on()


async def test_an_expired_passport_beside_a_key(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(6 * MINUTE)
    call = scene.read(passport_token=issued.token.get_secret_value())
    await scene.refused(await scene.proxy(call), 401, "PASSPORT_EXPIRED")


async def test_a_revoked_passport(scene: Scene) -> None:
    issued = await scene.passport()
    await scene.running.person.call(RevokePassport(jti=issued.jti))
    explained(await scene.proxy(scene.read(), issued.token.get_secret_value()), 401, "PASSPORT_REVOKED")
    await scene.goes_on()
    assert await counted(scene) >= 1


async def test_a_revoked_passport_beside_a_key(scene: Scene) -> None:
    issued = await scene.passport()
    await scene.running.person.call(RevokePassport(jti=issued.jti))
    call = scene.read(passport_token=issued.token.get_secret_value())
    await scene.refused(await scene.proxy(call), 401, "PASSPORT_REVOKED")


async def test_a_wrong_scope(scene: Scene) -> None:
    readonly = await scene.running.key(preset="readonly")
    await scene.refused(await scene.proxy(scene.read(), readonly), 403, "FORBIDDEN", rule="scope")


async def test_anothers_agent(scene: Scene) -> None:
    other = await scene.running.agent("stranger")
    answer = await scene.http.post("/v1/passports/issue", json={"agent_id": other.id, "intent": INTENT})
    await scene.refused(answer, 404, "NOT_FOUND", field="agent_id")


async def test_anothers_agent_looks_like_one_that_is_not_there(scene: Scene) -> None:
    other = await scene.running.agent("stranger")
    theirs = await scene.http.get(f"/v1/agents/{other.id}")
    nobodys = await scene.http.get(f"/v1/agents/{other.id[:-1]}0")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text.replace(other.id, "") == nobodys.text.replace(f"{other.id[:-1]}0", "")


# -- the service -------------------------------------------------------------------------------------------------------


async def test_a_host_that_is_not_bound(scene: Scene) -> None:
    call = {"service": "custom_demo", "url": "https://elsewhere.example/things"}
    await scene.refused(await scene.proxy(call), 403, "FORBIDDEN", field="url", rule="host")


async def test_a_connection_without_hosts(scene: Scene) -> None:
    bare = await scene.running.person.call(ConnectCustomService(name="bare", credential=TOKEN))
    await scene.running.person.call(
        GrantAgentAccess(agent_id=scene.agent.id, service_connection_id=bare.id, scopes=["read"])
    )
    call = {"service": "custom_bare", "url": scene.url()}
    await scene.refused(await scene.proxy(call), 403, "FORBIDDEN", field="url", rule="host_not_bound")


async def test_an_ambiguous_service(scene: Scene) -> None:
    second = await scene.running.connect(scene.upstream)
    answer = await scene.proxy(scene.read())
    explained(answer, 400, decoded(answer)["error"]["code"], field="service")
    assert second.id in answer.text
    assert scene.connection.id in answer.text
    last = (await read_log(scene.running.person))[-1]
    assert last.outcome == "blocked"
    named = {**scene.read(), "service": scene.connection.id}
    assert (await scene.proxy(named)).status_code == 200


async def test_a_service_that_is_not_there(scene: Scene) -> None:
    await scene.refused(
        await scene.proxy({**scene.read(), "service": "custom_none"}), 404, "NOT_FOUND", field="service"
    )


# -- the approval ------------------------------------------------------------------------------------------------------


async def test_a_missing_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write())
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_required")


async def test_an_unknown_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write(approval_id="apr_" + "0" * 22))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_not_found", field="approval_id")


async def _asked(scene: Scene) -> str:
    held = await scene.proxy(scene.write())
    approval_id: str = decoded(held)["error"]["details"]["approval_id"]
    return approval_id


async def test_a_pending_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write(approval_id=await _asked(scene)))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_pending")


async def test_a_rejected_approval(scene: Scene) -> None:
    approval_id = await _asked(scene)
    await scene.running.person.call(RejectIntent(approval_id=approval_id))
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    explained(answer, 401, "PASSPORT_REVOKED")
    assert scene.upstream.requests == []


async def test_an_approval_that_was_sent_back(scene: Scene) -> None:
    approval_id = await _asked(scene)
    await scene.running.person.call(SendBackIntent(approval_id=approval_id, notes="smaller, please"))
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_expired")


async def test_an_expired_approval(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    scene.running.system.advance(16 * MINUTE)
    await _unlock(scene.running)
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_expired")


async def test_an_approval_that_nobody_answered_for_a_day(scene: Scene) -> None:
    approval_id = await _asked(scene)
    scene.running.system.advance(24 * 60 * MINUTE + 1)
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    assert decoded(answer)["error"]["details"]["gate_reason"] in ("approval_expired", "passport_mismatch")
    assert scene.upstream.requests == []


async def test_a_spent_approval_for_another_call(scene: Scene) -> None:
    call = scene.write()
    approval_id = await approved(scene.running.person, scene.http, call)
    assert (await scene.proxy({**call, "approval_id": approval_id})).status_code == 200
    answer = await scene.proxy({**call, "body": {"n": 2}, "approval_id": approval_id})
    explained(answer, 403, "FORBIDDEN", gate_reason="approval_consumed")
    await scene.goes_on(already=1)


async def test_an_approval_of_another_passport(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    other = await scene.passport()
    answer = await scene.proxy(scene.write(approval_id=approval_id), other.token.get_secret_value())
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="passport_mismatch")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": {"n": 2}}, "body.n"),
        ({"body": {"n": 1.0}}, "body.n"),
        ({"body": {"n": 1, "m": 1}}, "body.m"),
        ({"method": "PUT"}, "method"),
        ({"query": {"a": "b"}}, "url.query"),
    ],
)
async def test_an_approval_for_another_call(change: dict[str, Any], field: str, scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    answer = await scene.proxy({**scene.write(approval_id=approval_id), **change})
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="call_mismatch", field=field)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert (row.status, row.uses_left) == ("approved", 1)


async def test_an_approval_of_what_was_not_shown(scene: Scene) -> None:
    approval_id = await _asked(scene)
    with pytest.raises(Conflict) as refused:
        await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest="0" * 64))
    explains(refused.value, Conflict, "CONFLICT")
    await scene.goes_on()


async def test_loosening_by_a_key(scene: Scene) -> None:
    answer = await scene.http.patch(f"/v1/agents/{scene.agent.id}", json={"approvals": "never"})
    assert "governance_approval_id" in explained(answer, 403, "GOVERNANCE_APPROVAL_REQUIRED")
    explained(await scene.proxy(scene.write()), 403, "FORBIDDEN", gate_reason="approval_required")
    await scene.goes_on()


async def test_minting_by_a_key(scene: Scene) -> None:
    answer = await scene.http.post("/v1/keys", json={"preset": "admin"})
    assert answer.status_code in (403, 404, 405)
    uniform = await scene.http.post("/v1/call/create_key", json={"preset": "admin"})
    await scene.refused(uniform, 403, "FORBIDDEN", rule="surface")


# -- the vault ---------------------------------------------------------------------------------------------------------


async def test_a_locked_vault(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    await scene.running.person.call(LockVault())
    for call in (scene.read(), scene.write(approval_id=approval_id)):
        explained(await scene.proxy(call), 423, "LOCKED")
    assert (await scene.http.get("/v1/audit")).status_code == 200
    await _unlock(scene.running)
    assert (await read_log(scene.running.person))[-1].action == "vault.unlock"
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert (row.status, row.uses_left) == ("approved", 1)
    await scene.goes_on()


async def _unlock(running: Running) -> None:
    running.person.hold_session(None)
    session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
    running.person.hold_session(Secret(session.session.get_secret_value()))


@pytest.fixture
async def stopped(tmp_path: Path) -> TestSystem:
    """A vault under tmp_path that nobody serves."""
    system = TestSystem()
    async with served(tmp_path / "home", tmp_path / "state", system=system) as running:
        await begin(running)
    return system


async def test_a_sealed_vault(stopped: TestSystem, tmp_path: Path) -> None:
    async with served(tmp_path / "home", tmp_path / "state", system=stopped) as running:
        async with running.http() as nobody, running.http("sk_live_" + "x" * 43) as somebody:
            explained(await nobody.get("/v1/services"), 401, "UNAUTHORIZED")
            explained(await somebody.get("/v1/services"), 423, "LOCKED")
            assert (await nobody.get("/healthz")).status_code == 200
            assert decoded(await nobody.get("/v1/.well-known/jwks.json"))["keys"]
        await _unlock(running)
        assert (await running.person.call(GetHealth())).state == "unlocked"


async def _wrong(running: Running) -> StackError:
    with pytest.raises(StackError) as refused:
        await running.person.call(UnlockVault(passphrase="wrong horse battery staple"))
    return refused.value


async def test_a_wrong_passphrase_waits_longer_and_longer_also_through_a_restart(
    stopped: TestSystem, tmp_path: Path
) -> None:
    async with served(tmp_path / "home", tmp_path / "state", system=stopped) as running:
        for _ in range(5):
            explains(await _wrong(running), Unauthorized, "WRONG_PASSPHRASE")
        explains(await _wrong(running), TooMany, "TOO_MANY_REQUESTS")
    async with served(tmp_path / "home", tmp_path / "state", system=stopped) as running:
        with pytest.raises(TooMany) as refused:
            await running.person.call(UnlockVault(passphrase=PASSPHRASE))
        waiting = refused.value.details["retry_after_seconds"]
        assert isinstance(waiting, int)
        stopped.advance(waiting)
        await _unlock(running)
        assert (await running.person.call(GetHealth())).state == "unlocked"


async def test_a_wrong_passphrase_begins_no_session(scene: Scene) -> None:
    with pytest.raises(Unauthorized) as refused:
        await scene.running.person.call(CreateSession(passphrase="wrong horse battery staple"))
    explains(refused.value, Unauthorized, "WRONG_PASSPHRASE")
    last = (await read_log(scene.running.person))[-1]
    assert (last.action, last.outcome, last.error_code) == ("session.create", "blocked", "WRONG_PASSPHRASE")
    await scene.goes_on()


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


SLOT_EDITS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:100],
    "emptied": lambda content: b"",
    "not json": lambda content: b"not json",
    "a bit in the middle": lambda content: _flip(content, len(content) // 2),
    "a bit near the end": lambda content: _flip(content, len(content) - 20),
    "a weaker derivation": lambda content: content.replace(b'"iterations":2', b'"iterations":1', 1),
    "less memory": lambda content: content.replace(b'"memory_kib":19456', b'"memory_kib":8', 1),
    "all the memory there is": lambda content: content.replace(b'"memory_kib":19456', b'"memory_kib":999999999', 1),
    "another kind": lambda content: content.replace(b'"kind":"recovery"', b'"kind":"passphrase"', 1),
}


@pytest.mark.parametrize("name", SLOT_EDITS)
async def test_an_edited_key_slot(name: str, stopped: TestSystem, tmp_path: Path) -> None:
    slots = tmp_path / "home" / "vault.json"
    good = slots.read_bytes()
    bad = SLOT_EDITS[name](good)
    slots.write_bytes(bad)
    async with served(tmp_path / "home", tmp_path / "state", system=stopped) as running:
        with pytest.raises(StackError) as refused:
            await _unlock(running)
        assert refused.value.code in ("VAULT_HEADER_REFUSED", "WRONG_PASSPHRASE")
        assert (await running.person.call(GetHealth())).state == "sealed"
        slots.write_bytes(good)
        await _unlock(running)
        assert (await running.person.call(GetHealth())).state == "unlocked"


# -- the process -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A home with a vault, and no process."""
    async with Server(tmp_path) as built:
        await built.init()
        yield built


async def test_a_second_process_on_the_same_home(server: Server) -> None:
    await server.start()
    status, out, err = await server.command("serve", "--port", "0")
    assert (status, out) == (3, "")
    assert "hint" in err or "stop it" in err
    assert server.person is not None
    assert (await server.person.call(GetHealth())).state == "unlocked"
    await server.stop()


async def test_a_port_in_use(server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, out, err = await server.command("serve", "--port", str(taken.getsockname()[1]))
    assert (status, out) == (3, "")
    assert "--port" in err
    await server.start()
    assert await server.stop() == 0


@pytest.mark.parametrize("command", ["serve", "init"])
async def test_an_unwritable_home(command: str, tmp_path: Path) -> None:
    """Below a file nobody may make a folder, not even root."""
    (tmp_path / "home").write_text("a file")
    server = Server(tmp_path)
    server.passphrase_file.touch(mode=0o600)
    server.passphrase_file.write_text(PASSPHRASE)
    options = {
        "serve": ["--port", "0"],
        "init": ["--passphrase-file", str(server.passphrase_file), "--recovery-file", str(tmp_path / "recovery")],
    }
    status, out, err = await server.command(command, *options[command])
    assert (status, out) == (9, "")
    assert "Traceback" not in err
    assert "--home" in err


async def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    """No file may grow: every write is refused and undone, nothing goes out, and with space again all goes on."""
    async with UpstreamProcess(tmp_path) as upstream:
        await server.start()
        key = await _one_agent(server, upstream)
        read = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
        async with server.http(key) as http:
            call = {**read, "method": "POST", "body": {}}
            assert server.person is not None
            call["approval_id"] = await approved(server.person, http, call)
            server.dies_at("disk full")
            for refused in (read, call, read, call):
                explained(await http.post("/v1/proxy", json=refused), 503, "AUDIT_UNAVAILABLE")
            explained(await http.post("/v1/agents/register", json={"name": "another"}), 503, "AUDIT_UNAVAILABLE")
            assert (await http.get("/healthz")).status_code == 200
            assert upstream.arrived() == []
            server.dies_at("disk free")
            assert (await http.post("/v1/proxy", json=read)).status_code == 200
            assert (await http.post("/v1/proxy", json=call)).status_code == 200
        assert (await server.person.call(VerifyAuditChain())).ok
        assert len(upstream.arrived()) == 2
        await server.stop()


async def _one_agent(server: Server, upstream: UpstreamProcess) -> str:
    assert server.person is not None
    agent = await server.person.call(RegisterAgent(name="helper"))
    connection = await server.person.call(
        ConnectCustomService(name="demo", credential=TOKEN, hosts=[upstream.host_port])
    )
    await server.person.call(
        GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
    )
    created = await server.person.call(CreateKey(agent_id=agent.id))
    return created.api_key.get_secret_value()


# -- the service at the other end --------------------------------------------------------------------------------------

UPSTREAMS = {
    "hangs": ("/hang", 504, "UPSTREAM_TIMEOUT"),
    "resets": ("/reset?phase=body", 502, "CONNECTION_RESET"),
    "ends early": ("/close-early", 502, "CONNECTION_RESET"),
    "claims too much": ("/lie?length=400", 504, "UPSTREAM_TIMEOUT"),
    "claims two lengths": ("/dup-cl", 502, "RESPONSE_INVALID"),
    "smuggles": ("/cl-te", 502, "RESPONSE_INVALID"),
    "sends a bomb": ("/gzip-bomb?mb=20", 502, "RESPONSE_TOO_LARGE"),
    "sends nested codings": ("/gzip-bomb?mb=1&layers=2", 502, "RESPONSE_CODING"),
    "sends without end": ("/infinite", 502, "RESPONSE_TOO_LARGE"),
    "sends noise": ("/http09", 502, "RESPONSE_INVALID"),
}


@pytest.mark.parametrize("name", UPSTREAMS)
async def test_an_upstream_that_misbehaves(
    name: str, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, status, code = UPSTREAMS[name]
    monkeypatch.setattr(app, "Egress", partial(Egress, limits=Limits(total_seconds=2)))
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("helper", connection)
        async with running.http(await running.key(agent_id=agent.id)) as http:
            scene = Scene(running, upstream, connection, agent, http)
            said = explained(await scene.proxy(scene.read(path)), status, code)
            assert said["operation_id"]
            last = (await read_log(running.person))[-1]
            assert (last.outcome, last.detail["operation_id"]) == ("failure", said["operation_id"])
            await scene.goes_on(already=1)


async def test_an_upstream_that_echoes_the_credential(scene: Scene) -> None:
    answer = await scene.proxy(scene.read("/reflect?enc=plain"))
    assert answer.status_code == 200
    assert decoded(answer)["redacted"] is True
    assert TOKEN not in answer.text
    await scene.goes_on(already=1)


# -- the clock ---------------------------------------------------------------------------------------------------------


async def test_a_yes_after_fourteen_minutes_is_good_through_a_refresh(scene: Scene) -> None:
    """On default settings: the checkpoint is after five minutes, the passport's end after fifteen."""
    issued = await scene.passport()
    bearer = issued.token.get_secret_value()
    held = await scene.proxy(scene.write(), bearer)
    approval_id = decoded(held)["error"]["details"]["approval_id"]
    scene.running.system.advance(14 * MINUTE)
    await _unlock(scene.running)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert row.call is not None
    await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest=row.call.digest))
    refreshed = await scene.http.post("/v1/passports/refresh", json={"token": bearer})
    assert refreshed.status_code == 200, refreshed.text
    fresh = decoded(refreshed)["token"]
    assert (await scene.proxy(scene.write(approval_id=approval_id), bearer)).status_code == 401
    done = await scene.proxy(scene.write(approval_id=approval_id), fresh)
    assert (done.status_code, decoded(done)["status"]) == (200, 201)
    assert scene.upstream.effects == 1


async def test_the_same_yes_is_good_through_the_keys_own_passport(scene: Scene) -> None:
    """A key that stands for one agent holds no token: the appliance refreshes for it."""
    approval_id = await _asked(scene)
    scene.running.system.advance(14 * MINUTE)
    await _unlock(scene.running)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert row.call is not None
    await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest=row.call.digest))
    scene.running.system.advance(14 * MINUTE)
    done = await scene.proxy(scene.write(approval_id=approval_id))
    assert (done.status_code, decoded(done)["status"]) == (200, 201)


async def test_waiting_for_a_person_stops_the_checkpoint_clock_and_no_other(scene: Scene) -> None:
    waiting, idle = await scene.passport(), await scene.passport()
    assert (await scene.proxy(scene.write(), waiting.token.get_secret_value())).status_code == 403
    scene.running.system.advance(6 * MINUTE)
    assert (await scene.proxy(scene.read(), waiting.token.get_secret_value())).status_code == 200
    assert (await scene.proxy(scene.read(), idle.token.get_secret_value())).status_code == 401
    scene.running.system.advance(60 * MINUTE)
    assert (await scene.proxy(scene.read(), waiting.token.get_secret_value())).status_code == 401


async def test_a_passport_is_not_refreshed_after_its_session(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(24 * 60 * MINUTE + 1)
    await _unlock(scene.running)
    answer = await scene.http.post("/v1/passports/refresh", json={"token": issued.token.get_secret_value()})
    await scene.refused(answer, 401, "PASSPORT_EXPIRED")
