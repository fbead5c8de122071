"""Programs that hold an agent, as they are published, with a stand-in for their model; `make clients` fetches them."""

from collections.abc import AsyncIterator

import pytest

from stack_local.domain.consents import ACCESS_SECONDS
from stack_local.oauth.metadata import USUAL_SCOPES
from tests.clients.agent_programs import TOOL, ClaudeAgentSdk, ClaudeCode, Codex, Opencode, Program
from tests.clients.journey import CALLED, asked_scopes
from tests.clients.model import Model
from tests.clients.stage import Stage

PROGRAMS = {"claude-code": ClaudeCode, "claude-agent-sdk": ClaudeAgentSdk, "codex": Codex, "opencode": Opencode}

pytestmark = pytest.mark.clients

each = pytest.mark.parametrize("program", PROGRAMS, indirect=True)


@pytest.fixture
async def model(stage: Stage) -> AsyncIterator[Model]:
    """A model that reads from the service."""
    async with Model(TOOL, {"service": "custom_demo", "url": f"{stage.upstream.base_url}/things"}) as found:
        yield found


@pytest.fixture
def program(request: pytest.FixtureRequest, stage: Stage, model: Model) -> Program:
    """One of them, just installed."""
    made: Program = PROGRAMS[request.param](stage, model)
    return made


async def plays_a_turn(stage: Stage, model: Model, program: Program) -> None:
    """The model is offered the tools, calls one, sees its answer, and has the last word."""
    before = len(stage.upstream.requests)
    model.forget()
    assert await program.turn() == "done"
    assert all(any(name.endswith(tool) for name in model.tools) for tool in CALLED), model.tools
    assert "200" in model.results[-1]
    assert [request.authorized for request in stage.upstream.requests[before:]] == [True]


@each
async def test_with_a_key_a_program_plays_a_turn_and_outlives_a_restart(
    stage: Stage, model: Model, program: Program
) -> None:
    await program.configure(await stage.key())
    await plays_a_turn(stage, model, program)
    await stage.restart()
    await plays_a_turn(stage, model, program)


@each
async def test_a_person_is_asked_once_and_the_program_goes_on_alone(
    stage: Stage, model: Model, program: Program
) -> None:
    await program.configure(None)
    await program.log_in()
    await plays_a_turn(stage, model, program)
    stage.running.system.advance(ACCESS_SECONDS + 1)
    await plays_a_turn(stage, model, program)
    await stage.restart()
    await plays_a_turn(stage, model, program)
    stage.running.system.advance(ACCESS_SECONDS + 1)
    await plays_a_turn(stage, model, program)
    assert len(stage.opened) == 1
    assert asked_scopes(stage.opened[0]) == set(USUAL_SCOPES)
