"""The service got the credential; nobody else did, though it gave it back in every form and place it knows.

Looked through: every reply, the audit log, the stored responses, what the process printed and logged, its data
directories, and its command line and environment. The forms a service can hide it in are in SECURITY.md.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService
from tests.conftest import PASSPHRASE
from tests.e2e.harness import Server, UpstreamProcess, read_log
from tests.simulators.leakscan import scan_bytes, scan_process, scan_tree
from tests.simulators.upstream_routes import CODINGS, LIMITS, PLACES, REFLECTIONS

SECRET = "tok/en+With=all: kinds&of<signs>-7f3c"
"""What differs in each of the forms."""

PASSWORD = "pass/word+With=all&kinds-7f3c"

FORMS = tuple(name for name in REFLECTIONS if name not in LIMITS)


@dataclass(frozen=True, slots=True)
class Style:
    """One way of injecting, and what the service demands then."""

    expects: str
    token: str
    secret: str
    credential: Any
    injection: dict[str, str]


STYLES = {
    "bearer": Style("bearer", SECRET, SECRET, SECRET, {"style": "bearer"}),
    "header": Style("header:X-Api-Key", SECRET, SECRET, SECRET, {"style": "header", "name": "X-Api-Key"}),
    "query": Style("query:key", SECRET, SECRET, SECRET, {"style": "query", "name": "key"}),
    "basic": Style(
        "basic", f"user:{PASSWORD}", PASSWORD, {"username": "user", "password": PASSWORD}, {"style": "basic"}
    ),
}


@dataclass
class Heard:
    """Everything an agent was told: each answer by the path it asked for."""

    answers: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)

    def hear(self, asked: str, answer: httpx.Response) -> None:
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.answers[asked] = head.encode() + b"\n" + answer.content
        self.statuses.append(answer.status_code)

    def leaks(self, secret: str) -> list[str]:
        """What came through, by the form and place asked for."""
        return [asked for asked, answer in self.answers.items() if scan_bytes(secret, answer)]


def reflections() -> Iterator[str]:
    """Every form in every place, whole or in pieces, plain or coded."""
    for form in FORMS:
        yield from (f"/reflect?enc={form}&place={place}" for place in PLACES)
        yield f"/reflect?enc={form}&as=json"
    yield from (f"/split?mode={mode}&chunk={size}" for mode in ("chunk", "tcp") for size in (1, 7, 20))
    yield from (f"/ce?coding={coding}" for coding in CODINGS)


@dataclass
class House:
    """A real process with one service and one agent."""

    server: Server
    upstream: UpstreamProcess
    style: Style
    key: str
    recovery_code: str

    async def ask(self, paths: list[str]) -> Heard:
        heard = Heard()
        gate = asyncio.Semaphore(8)
        async with self.server.http(self.key) as http:

            async def one(path: str) -> None:
                async with gate:
                    call = {"service": "custom_demo", "url": f"{self.upstream.base_url}{path}"}
                    heard.hear(path, await http.post("/v1/proxy", json=call))

            await asyncio.gather(*(one(path) for path in paths))
        return heard


@pytest.fixture(params=STYLES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    style = STYLES[request.param]
    async with (
        UpstreamProcess(tmp_path, token=style.token, expects=style.expects) as upstream,
        Server(tmp_path) as server,
    ):
        await server.init()
        await server.start()
        assert server.person is not None
        agent = await server.person.call(RegisterAgent(name="helper"))
        connection = await server.person.call(
            ConnectCustomService(
                name="demo", credential=style.credential, hosts=[upstream.host_port], injection=style.injection
            )
        )
        await server.person.call(
            GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
        )
        created = await server.person.call(CreateKey(agent_id=agent.id))
        recovery_code = (tmp_path / "recovery").read_text().strip()
        yield House(server, upstream, style, created.api_key.get_secret_value(), recovery_code)


async def test_an_echoed_credential_is_nowhere_but_at_the_service(house: House) -> None:
    paths = list(reflections())
    heard = await house.ask(paths)
    assert heard.leaks(house.style.secret) == []
    assert heard.statuses.count(200) > len(paths) // 2
    assert sum(b"[redacted]" in answer for answer in heard.answers.values()) > len(FORMS)
    person = house.server.person
    assert person is not None
    log = "\n".join(entry.model_dump_json() for entry in await read_log(person))
    assert scan_bytes(house.style.secret, log.encode()) == []
    scanned = scan_process(house.style.secret, house.server.pid, memory=False)
    assert scanned.found == ()
    await house.server.stop()
    assert _on_disk_or_printed(house, house.style.secret) == []
    assert len(house.upstream.arrived()) == len(paths)


async def test_no_secret_of_the_appliance_itself_is_on_its_disk(house: House) -> None:
    await house.ask(["/things", "/status?code=500"])
    await house.server.stop()
    for secret in (PASSPHRASE, house.key, house.recovery_code):
        assert [leak for leak in _on_disk_or_printed(house, secret) if "stdout of init" not in leak] == []


def _on_disk_or_printed(house: House, secret: str) -> list[str]:
    found = [
        f"{path}: {form}"
        for place in (house.server.home, house.server.state)
        for path, form in scan_tree(secret, place)
    ]
    return found + [f"printed: {form}" for form in scan_bytes(secret, house.server.output)]


async def test_an_mcp_client_is_not_told_either(house: House) -> None:
    told: list[bytes] = []
    async with (
        house.server.http(house.key) as http,
        Client(streamable_http_client(f"{house.server.base_url}/mcp", http_client=http)) as client,
    ):
        for form in FORMS:
            url = f"{house.upstream.base_url}/reflect?enc={form}"
            answer = await client.call_tool("stack_proxy_request", {"service": "custom_demo", "url": url})
            told.append(answer.model_dump_json().encode())
    assert sum(b"[redacted]" in answer for answer in told) > len(FORMS) // 2
    assert [form for answer in told for form in scan_bytes(house.style.secret, answer)] == []
