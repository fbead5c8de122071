"""Finding a tool by words: the likeliest first, and only what the bearer may call."""

import pytest

from stack_local.operations.tools import SHOWN
from stack_local.wire.catalogue import by_name
from stack_local.wire.tool_schemas import input_schema
from tests.conftest import Running, decoded

WORDS = {
    "revoke a passport": "stack_revoke_passport",
    "see the audit log": "stack_list_audit",
    "verify the chain": "stack_verify_audit_chain",
    "delegate to another agent": "stack_delegate_passport",
    "which services are connected": "stack_list_services",
    "READ from a service!": "stack_proxy_read",
}


async def found(appliance: Running, query: str, **key: str) -> list[dict[str, object]]:
    async with appliance.http(await appliance.key(**key)) as http:
        answer = await http.post("/v1/tools/find", json={"query": query})
    assert answer.status_code == 200, answer.text
    return list(decoded(answer))


@pytest.mark.parametrize("query", WORDS)
async def test_the_tool_that_was_meant_is_among_the_first(appliance: Running, query: str) -> None:
    assert WORDS[query] in [tool["name"] for tool in (await found(appliance, query))[:3]]


async def test_a_found_tool_says_what_it_takes(appliance: Running) -> None:
    (first, *_) = await found(appliance, "revoke a passport")
    known = by_name(str(first["name"]))
    assert known is not None
    assert first["description"] == known.description
    assert first["input_schema"] == input_schema(known)


async def test_no_more_than_a_few_are_found_and_none_by_words_that_say_nothing(appliance: Running) -> None:
    assert len(await found(appliance, "agent passport service intent audit")) == SHOWN
    assert await found(appliance, "a of it ??") == []
    assert await found(appliance, "quetzalcoatl") == []


async def test_only_what_the_bearer_may_call_is_found(appliance: Running) -> None:
    names = [str(tool["name"]) for tool in await found(appliance, "revoke a passport", preset="readonly")]
    assert "stack_revoke_passport" not in names
