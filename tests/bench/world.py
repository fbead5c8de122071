"""The appliance under test: a vault in a throw-away home, a served process, agents with grants and keys."""

import asyncio
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack_local.client import RemoteClient
from stack_local.domain.secrets import Secret
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService
from stack_local.wire.vault import MAX_RATE, CreateSession, SetRates
from tests.bench.forwarder import TOKEN
from tests.bench.processes import ROOT, Server, command, started

PASSPHRASE = "correct horse battery staple"

AGENTS = 16
"""Of each kind: one agent may have ten calls under way, and 128 callers share them."""

START_SECONDS = 30
"""A process that is not up by then never will be."""


@dataclass(frozen=True)
class Home:
    """A home with a vault in it."""

    path: Path
    passphrase_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """So that nothing of this user is touched."""
        return {"STACK_LOCAL_STATE": str(self.path / "state"), "STACK_LOCAL_HOME": str(self.path / "home")}


def make_home(path: Path) -> Home:
    """A new vault, with the key derivation everybody gets."""
    home = Home(path, path / "passphrase")
    home.passphrase_file.write_text(PASSPHRASE)
    arguments = ["init", "--passphrase-file", str(home.passphrase_file), "--recovery-file", str(path / "recovery")]
    with started(command(*arguments, "--json"), environment=home.environment) as process:
        if process.wait(START_SECONDS):
            raise RuntimeError(f"init ended with {process.returncode}")
    return home


@dataclass(frozen=True)
class Served:
    """A running appliance."""

    server: Server
    admin_socket: str
    process: subprocess.Popen[bytes]


@contextmanager
def served(home: Home, *, unlocked: bool = True) -> Iterator[Served]:
    """`stack-local serve` as a process."""
    ready = home.path / "ready.json"
    ready.unlink(missing_ok=True)
    arguments = ["serve", "--port", "0", "--ready-file", str(ready)]
    arguments += ["--passphrase-file", str(home.passphrase_file)] if unlocked else []
    with started(command(*arguments), environment=home.environment) as process:
        facts = wait_for(ready, process)
        port = int(str(facts["base_url"]).rpartition(":")[2])
        yield Served(Server(process.pid, port), str(facts["admin_socket"]), process)


def wait_for(ready: Path, process: subprocess.Popen[bytes]) -> dict[str, object]:
    """What the ready file says, once it is there."""
    until = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the appliance did not start ({process.returncode}); see {ROOT}")
        time.sleep(0.002)
    facts: dict[str, object] = json.loads(ready.read_text())
    return facts


def wait_until_healthy(port: int) -> None:
    """Ask for the health until there is an answer."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                answer.read()
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.002)
    raise RuntimeError("no healthy answer")


def wait_until_open(port: int) -> None:
    """Connect until somebody listens."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nobody listens")


@dataclass(frozen=True)
class Keys:
    """API keys, one for each agent."""

    reading: list[str]
    writing: list[str]
    """Of agents whose writes a person has exempted from asking."""
    session: str


def populate(admin_socket: str, upstream_port: int) -> Keys:
    """Connect the service, register the agents and grant them, as the person."""
    return asyncio.run(_populate(admin_socket, upstream_port))


async def _populate(admin_socket: str, upstream_port: int) -> Keys:
    person = RemoteClient(socket_path=admin_socket)
    created = await person.call(CreateSession(passphrase=PASSPHRASE))
    session = created.session.get_secret_value()
    person.hold_session(Secret(session))
    await person.call(SetRates(proxy_calls_per_minute=MAX_RATE, intents_per_hour=MAX_RATE))
    connected = ConnectCustomService(name="bench", credential=TOKEN, hosts=[f"127.0.0.1:{upstream_port}"])
    connection = await person.call(connected)
    reading = [await _agent(person, connection.id, f"reader-{at}", "writes") for at in range(AGENTS)]
    writing = [await _agent(person, connection.id, f"writer-{at}", "never") for at in range(AGENTS)]
    await person.aclose()
    return Keys(reading, writing, session)


async def _agent(person: RemoteClient, connection_id: str, name: str, approvals: str) -> str:
    agent = await person.call(RegisterAgent.model_validate({"name": name, "approvals": approvals}))
    await person.call(
        GrantAgentAccess(agent_id=agent.id, service_connection_id=connection_id, scopes=["read", "write"])
    )
    created = await person.call(CreateKey(agent_id=agent.id))
    return created.api_key.get_secret_value()
