"""Bar 7: every operation by every kind of bearer, on both sides of the house, equals the committed table.

After a deliberate change: `python -m tests.contract.regenerate bearers`, and read the diff.
"""

import json
from pathlib import Path

import httpx

from stack_local.wire.catalogue import CATALOGUE, Operation
from tests.contract.examples import ENDS_THE_PROCESS, EXAMPLES
from tests.contract.world import BEARERS, SIDES, World, code_of, prepared

TABLE = Path(__file__).with_name("bearers.json")

Outcomes = dict[str, dict[str, dict[str, str]]]
"""operation → side → bearer → outcome."""


async def test_every_operation_answers_every_bearer_as_the_committed_table_says(tmp_path: Path) -> None:
    async with prepared(tmp_path) as world:
        seen = await walked(world)
    said = json.loads(TABLE.read_text())
    assert _differences(seen, said) == []


async def walked(world: World) -> Outcomes:
    """What the live appliance answers to each."""
    seen: Outcomes = {}
    for request, operation in sorted(CATALOGUE.items(), key=lambda item: item[0] in ENDS_THE_PROCESS):
        seen[operation.name] = {side: {} for side in SIDES}
        for side in SIDES:
            for bearer in BEARERS:
                await world.settle()
                arguments = await EXAMPLES[request](world, bearer)
                response = await world.post(side, bearer, operation.name, arguments)
                seen[operation.name][side][bearer] = outcome(operation, response)
    return seen


def outcome(operation: Operation, response: httpx.Response) -> str:
    """The word of the table for an answer."""
    if response.is_success:
        return "allowed"
    code, details = code_of(response), json.loads(response.content)["error"].get("details", {})
    if details.get("rule") == "surface":
        return "not_here"
    known = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict"}
    return "pending" if code == "GOVERNANCE_APPROVAL_REQUIRED" else known.get(response.status_code, code)


def _differences(seen: Outcomes, said: Outcomes) -> list[str]:
    cells = [
        (name, side, bearer, seen.get(name, {}).get(side, {}).get(bearer), word)
        for name, sides in said.items()
        for side, bearers in sides.items()
        for bearer, word in bearers.items()
    ]
    wrong = [f"{name} {side} {bearer}: {now}, not {word}" for name, side, bearer, now, word in cells if now != word]
    return wrong + [f"{name}: not in the table" for name in seen if name not in said]
