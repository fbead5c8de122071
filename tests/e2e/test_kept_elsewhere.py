"""A credential that is only named: its keeper's own program is asked when it is used, and an agent may name none."""

import os
from pathlib import Path

import pytest

from stack_local.domain.errors import Forbidden
from stack_local.wire.decisions import ListPendingDecisions
from stack_local.wire.services import ConnectCustomService
from tests.conftest import TOKEN, Running, begin, decoded, served
from tests.simulators.upstream import Upstream

REFERENCE = "op://work/tracker/token"


def keeper(folder: Path) -> Path:
    """A stand-in for 1Password's command: it prints the token of the one item it has, and counts how often."""
    folder.mkdir()
    program = folder / "op"
    program.write_text(
        f'#!/bin/sh\necho asked >> "{folder}/count"\n'
        f'[ "$1 $2" = "read --no-newline" ] && [ "$3" = "{REFERENCE}" ] && printf %s "{TOKEN}"\n'
    )
    program.chmod(0o700)
    return program


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = keeper(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program.parent


async def test_the_keeper_is_asked_when_it_is_used_and_the_vault_holds_the_name_alone(
    tmp_path: Path, upstream: Upstream, tools: Path
) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        connection = await running.person.call(
            ConnectCustomService(name="demo", credential=REFERENCE, hosts=[upstream.host_port])
        )
        agent = await running.agent("helper", connection)
        call = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
        async with running.http(await running.key(agent_id=agent.id)) as http:
            assert not (tools / "count").exists()
            for _ in range(3):
                assert decoded(await http.post("/v1/proxy", json=call))["status"] == 200
            assert (tools / "count").read_text().count("asked") == 1
            reflected = {**call, "url": f"{upstream.base_url}/reflect?place=json"}
            assert TOKEN not in (await http.post("/v1/proxy", json=reflected)).text
    assert all(got.authorized for got in upstream.requests)


async def test_a_keeper_that_gives_nothing_is_a_failure_with_its_reason(
    tmp_path: Path, upstream: Upstream, tools: Path
) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        connection = await running.person.call(
            ConnectCustomService(name="demo", credential="op://work/other/token", hosts=[upstream.host_port])
        )
        agent = await running.agent("helper", connection)
        call = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
        async with running.http(await running.key(agent_id=agent.id)) as http:
            answer = await http.post("/v1/proxy", json=call)
    assert answer.status_code == 502
    assert upstream.requests == []


@pytest.mark.parametrize("preset", ["agent", "admin"])
async def test_no_key_names_where_a_secret_of_the_persons_is_kept(
    appliance: Running, upstream: Upstream, preset: str
) -> None:
    agent = await appliance.agent("helper")
    key = await appliance.key(preset=preset, **({"agent_id": agent.id} if preset == "agent" else {}))
    asked = {"name": "mine", "credential": REFERENCE, "hosts": [upstream.host_port]}
    async with appliance.http(key) as http:
        answer = await http.post("/v1/services/custom", json=asked)
    assert answer.status_code == 403
    assert decoded(answer)["error"]["details"]["rule"] == "reference"
    assert (await appliance.person.call(ListPendingDecisions())).items == []
    assert Forbidden.default_code == decoded(answer)["error"]["code"]
