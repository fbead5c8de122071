"""What holds for every operation, generated from the catalogue: examples, surfaces, refusals and records."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stack_local.dispatch import Caller
from stack_local.domain import scopes
from stack_local.domain.actors import Actor, Kind
from stack_local.domain.errors import Forbidden
from stack_local.wire.catalogue import CATALOGUE, Operation
from tests.conftest import PASSPHRASE, served
from tests.contract import surfaces
from tests.contract.examples import ENDS_THE_PROCESS, EXAMPLES, NEEDS_AN_EMPTY_HOME
from tests.contract.surfaces import Answer, mcp_client, normalized
from tests.contract.world import World, code_of, prepared, socket_client

OPERATIONS = list(CATALOGUE.values())
ORDINARY = [known for known in OPERATIONS if known.request not in NEEDS_AN_EMPTY_HOME | ENDS_THE_PROCESS]
GUARDED = [known for known in OPERATIONS if known.scope is not None]

EXTRA_RECORDS: dict[str, list[str]] = {
    "give_consent": ["agent.register success", "service.grant success"],
    "create_consent_code": ["agent.register success", "service.grant success"],
    "approve_decision": ["agent.update success"],
    "proxy_read": ["credential.proxy success"],
    "proxy_request": ["credential.proxy success"],
}
"""Records that an operation's example leaves after its own."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world of its own for each test."""
    async with prepared(tmp_path) as made:
        yield made


def test_every_operation_has_an_example() -> None:
    assert [known.name for known in OPERATIONS if known.request not in EXAMPLES] == []
    assert [request for request in EXAMPLES if request not in CATALOGUE] == []


def side_of(operation: Operation) -> str:
    """The side of the house an operation is asked on."""
    return "agents" if "rest" in operation.surfaces else "person"


async def test_without_a_bearer_every_guarded_operation_is_401_and_counted(world: World) -> None:
    wrong = []
    world.running.appliance.dispatcher.take_counted()
    for known in GUARDED:
        arguments = await EXAMPLES[known.request](world, "admin")
        head = await world.head()
        response = await world.post(side_of(known), "none", known.name, arguments)
        if response.status_code != 401 or await trail(world, head) != []:
            wrong.append((known.name, response.text))
        await world.settle()
    assert wrong == []
    counted = world.running.appliance.dispatcher.take_counted()
    assert counted["UNAUTHORIZED"] == len(GUARDED)


async def test_a_bearer_without_the_scope_is_refused_by_every_guarded_operation_and_recorded(world: World) -> None:
    dispatcher, wrong = world.running.appliance.dispatcher, []
    for known in GUARDED:
        assert known.scope is not None
        actor = Actor(kind=Kind.KEY, id="key_contract", scopes=scopes.ALL - {known.scope}, preset="admin")
        arguments = await EXAMPLES[known.request](world, "admin")
        head = await world.head()
        with pytest.raises(Forbidden) as refused:
            await dispatcher.call(Caller(actor, "admin"), known.request.model_validate(arguments))
        if refused.value.details["rule"] != "scope" or await trail(world, head) != [f"{known.audit} blocked"]:
            wrong.append(known.name)
        await world.settle()
    assert wrong == []


async def test_an_unknown_field_is_refused_by_every_operation_naming_it_and_recorded(world: World) -> None:
    wrong = []
    for known in OPERATIONS:
        side = side_of(known)
        bearer = "admin" if side == "agents" else "session"
        head = await world.head()
        response = await world.post(side, bearer, known.name, {"no_such_field": 1})
        error = json.loads(response.content)["error"]
        named = [field["field"] for field in error["details"]["fields"]]
        if (response.status_code, error["code"]) != (400, "INVALID_REQUEST") or "no_such_field" not in named:
            wrong.append((known.name, error))
        if await trail(world, head) != [f"{known.audit} blocked"]:
            wrong.append((known.name, await trail(world, head)))
    assert wrong == []


async def test_a_sealed_vault_answers_423_to_any_bearer_and_401_to_none(tmp_path: Path) -> None:
    async with prepared(tmp_path) as world:
        closed = [known for known in OPERATIONS if not known.while_sealed]
        arguments = {known.name: await EXAMPLES[known.request](world, "admin") for known in closed}
        tokens = world.tokens
    async with (
        served(tmp_path / "home", tmp_path / "state") as running,
        socket_client(running) as socket,
        running.http() as tcp,
    ):
        sealed = World(running, world.upstream, world.connection, world.agent, tokens, socket, tcp)
        seen = {known.name: await _sealed(sealed, known, arguments[known.name]) for known in closed}
    expected = {known.name: {"admin": 423, "none": 423 if known.scope is None else 401} for known in closed}
    assert seen == expected


async def _sealed(world: World, known: Operation, arguments: dict[str, Any]) -> dict[str, int]:
    side = side_of(known)
    answers = {bearer: await world.post(side, bearer, known.name, arguments) for bearer in ("admin", "none")}
    return {bearer: response.status_code for bearer, response in answers.items()}


async def test_every_success_leaves_its_declared_records_and_a_read_none(world: World) -> None:
    wrong = []
    for known in ORDINARY:
        await world.settle()
        arguments = await EXAMPLES[known.request](world, "session")
        head = await world.head()
        response = await world.post("person", "session", known.name, arguments)
        assert response.is_success, (known.name, response.text)
        if not await _is_open(world):
            await world.unlock()
        left = [line for line in await trail(world, head) if line != "vault.unlock success" or "unlock" in known.name]
        if left != declared(known):
            wrong.append((known.name, left))
    assert wrong == []


def declared(known: Operation) -> list[str]:
    """The records that the success of an operation's example leaves."""
    if known.effect == "read":
        return []
    first = "pending" if known.name in ("proxy_read", "proxy_request") else "success"
    return [f"{known.audit} {first}", *EXTRA_RECORDS.get(known.name, [])]


async def _is_open(world: World) -> bool:
    return (await world.post("person", "session", "list_intents", {})).is_success


async def trail(world: World, head: int) -> list[str]:
    """`action outcome` of each record since."""
    return [f"{entry.action} {entry.outcome}" for entry in await world.records_after(head)]


async def test_a_cascade_leaves_one_record_for_each_child(world: World) -> None:
    root = await world.passport()
    token = root.token.get_secret_value()
    for _ in range(2):
        child = await world.agent_of("session")
        asked = {"parent_passport_token": token, "child_agent_id": child.id}
        answer = await world.post("person", "session", "delegate_passport", asked)
        assert answer.is_success, answer.text
    head = await world.head()
    await world.post("person", "session", "revoke_passport", {"jti": root.jti})
    assert await trail(world, head) == ["passport.revoke success", *["passport.revoke_cascade success"] * 2]


async def test_making_a_vault_leaves_its_record(tmp_path: Path) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running, socket_client(running) as socket:
        made = await socket.post("/v1/call/create_vault", json={"passphrase": PASSPHRASE})
        assert made.is_success
        session = await socket.post("/v1/call/create_session", json={"passphrase": PASSPHRASE})
        bearer = {"Authorization": f"Bearer {session.json()['session']}"}
        page = await socket.post("/v1/call/list_audit", json={}, headers=bearer)
        again = await socket.post("/v1/vault/create", json={"passphrase": PASSPHRASE})
    assert [entry["action"] for entry in reversed(page.json()["entries"])] == ["vault.create", "session.create"]
    assert (again.status_code, code_of(again)) == (409, "VAULT_EXISTS")


async def test_sealing_answers_and_then_ends_the_process(tmp_path: Path) -> None:
    async with prepared(tmp_path) as world:
        head = await world.head()
        answer = await world.post("person", "session", "seal_vault", {})
        assert answer.json() == {"state": "sealed"}
        await world.unlock()
        assert "vault.seal success" in await trail(world, head)
        await world.running.appliance.stopping.wait()
        assert world.running.appliance.wants_seal


async def test_every_surface_gives_the_same_answer(world: World) -> None:
    differing = {}
    async with mcp_client(world, "admin") as client, mcp_client(world, "agent") as agent:
        for known in ORDINARY:
            answers = await _answers(world, agent if _reveals(known) else client, known)
            if not _agree(known, answers):
                differing[known.name] = answers
    assert differing == {}


def _agree(known: Operation, answers: dict[str, Answer]) -> bool:
    """All are the same success; a route whose body is one field of the answer says nothing of the others."""
    kind, first = answers["cli"]
    routed = first if known.body is None else {known.body: first[known.body]}
    return kind == "ok" and all(
        answer == ("ok", routed if way.startswith("route") else first) for way, answer in answers.items()
    )


def _reveals(known: Operation) -> bool:
    """An admin key reads no credential: there the agent's own key asks."""
    return known.scope == "credentials:reveal"


async def _answers(world: World, client: Any, known: Operation) -> dict[str, Answer]:
    bearer = "agent" if _reveals(known) else "admin"
    ways = {
        "cli": lambda asked: surfaces.over_cli(world, known, asked),
        "call on the socket": lambda asked: surfaces.over_call(world, known, asked, bearer="session"),
        "route on the socket": lambda asked: surfaces.over_route(world, known, asked, bearer="session"),
    }
    if "rest" in known.surfaces:
        ways["call"] = lambda asked: surfaces.over_call(world, known, asked, bearer=bearer)
        ways["route"] = lambda asked: surfaces.over_route(world, known, asked, bearer=bearer)
    if "mcp" in known.surfaces:
        ways["mcp"] = lambda asked: surfaces.over_mcp(client, known, asked)
    answers = {}
    for way, ask in ways.items():
        await world.settle()
        asker = bearer if way in ("call", "route", "mcp") else "session"
        answers[way] = normalized(await ask(await EXAMPLES[known.request](world, asker)))
    return answers


async def test_what_is_the_persons_is_refused_on_the_agents_surfaces(world: World) -> None:
    wrong = []
    async with mcp_client(world, "admin") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        for known in OPERATIONS:
            if "rest" in known.surfaces:
                continue
            arguments = await EXAMPLES[known.request](world, "session")
            kind, envelope = await surfaces.over_mcp(client, known, arguments)
            called = await world.post("agents", "admin", known.name, arguments)
            _, route = await surfaces.over_route(world, known, arguments, bearer="admin")
            codes = (kind, envelope["error"]["code"], code_of(called), route["error"]["code"])
            if known.tool in listed or codes != ("error", "NOT_FOUND", "FORBIDDEN", "NOT_FOUND"):
                wrong.append((known.name, codes))
    assert wrong == []
