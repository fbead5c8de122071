"""Prompts: three, each with the one thing a person fills in, and naming only what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from stack_local.surfaces.mcp_prompts import ARGUMENT_CHARACTERS, PROMPTS, filled, listed
from stack_local.wire.catalogue import by_name
from tests.contract.surfaces import mcp_client
from tests.contract.world import prepared


async def test_a_client_lists_the_prompts_and_fills_one_in(tmp_path: Path) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, "passport") as client:
        prompts = (await client.list_prompts()).prompts
        got = await client.get_prompt("work_under_approval", {"task": "rename {all} the files"})
    assert prompts == listed()
    assert [prompt.name for prompt in prompts] == ["connect_a_service", "request_access", "work_under_approval"]
    assert "rename {all} the files\n" in got.messages[0].content.text


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_names_only_tools_that_there_are_and_never_asks_for_a_credential(name: str) -> None:
    text = PROMPTS[name].text
    tools = re.findall(r"stack_[a-z_]+", text.replace("stack_local", ""))
    assert tools
    assert [tool for tool in tools if by_name(tool) is None] == []
    assert text.count("{argument}") == 1


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no such prompt": ("do_anything", {}),
    "nothing filled in": ("request_access", {}),
    "a blank filled in": ("request_access", {"access": "  "}),
    "another argument": ("request_access", {"service": "x"}),
    "one argument too many": ("request_access", {"access": "x", "more": "y"}),
    "too long": ("request_access", {"access": "x" * (ARGUMENT_CHARACTERS + 1)}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_filled_in_is_refused_with_what_would_do(case: str) -> None:
    name, arguments = BAD[case]
    with pytest.raises(MCPError) as refused:
        filled(name, arguments)
    assert refused.value.code == -32602
    assert "request_access" in refused.value.message
