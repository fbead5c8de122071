"""A vault, a machine or a service in a bad state: a clear error, nothing half done, and the server goes on."""

import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from stack_local import app
from stack_local.domain.errors import StackError, TooMany, Unauthorized
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.audit import VerifyAuditChain
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService
from stack_local.wire.vault import CreateSession, GetHealth, LockVault, UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, decoded, served
from tests.e2e.harness import Server, UpstreamProcess, approved, read_log
from tests.e2e.scene import Scene, explained, explains, unlock
from tests.simulators.clock import TestSystem
from tests.simulators.upstream import Upstream

# -- the vault ---------------------------------------------------------------------------------------------------------


async def test_a_locked_vault(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    await scene.running.person.call(LockVault())
    for call in (scene.read(), scene.write(approval_id=approval_id)):
        explained(await scene.proxy(call), 423, "LOCKED")
    assert (await scene.http.get("/v1/audit")).status_code == 200
    await unlock(scene.running)
    assert (await read_log(scene.running.person))[-1].action == "vault.unlock"
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert (row.status, row.uses_left) == ("approved", 1)
    await scene.goes_on()


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
        await unlock(running)
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
        await unlock(running)
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
            await unlock(running)
        assert refused.value.code in ("VAULT_HEADER_REFUSED", "WRONG_PASSPHRASE")
        assert (await running.person.call(GetHealth())).state == "sealed"
        slots.write_bytes(good)
        await unlock(running)
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
    assert "hint:" in err
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
