"""Resources: what a bearer may attach is what it may read, by the same door."""

import json
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from stack_local.domain.errors import Locked
from stack_local.surfaces.mcp_resources import OFFERED, refused
from tests.contract.surfaces import mcp_client
from tests.contract.world import prepared

SHARED = ["stack://services", "stack://audit/head"]
ALL = [offered.uri for offered in OFFERED]


@pytest.mark.parametrize(("bearer", "uris"), [("passport", ALL), ("agent", SHARED), ("readonly", SHARED)])
async def test_a_bearer_lists_and_reads_what_there_is_for_it(tmp_path: Path, bearer: str, uris: list[str]) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, bearer) as client:
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        read = {uri: json.loads((await client.read_resource(uri)).contents[0].text) for uri in listed}
    assert listed == uris
    assert read["stack://services"]["items"][0]["provider"] == "custom_demo"
    assert len(read["stack://audit/head"]["entry_hash"]) == 64


async def test_a_passports_own_report_is_its_own(tmp_path: Path) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, "passport") as client:
        report = json.loads((await client.read_resource("stack://passport/current")).contents[0].text)
        verified = await client.call_tool("stack_get_passport_report", {"jti": report["passport"]["jti"]})
    assert verified.structured_content == report


@pytest.mark.parametrize(
    "uri",
    ["stack://passport/current", "stack://audit", "stack://nothing", "file:///etc/passwd", "http://169.254.169.254/"],
)
async def test_what_is_not_there_for_a_bearer_is_not_there(tmp_path: Path, uri: str) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, "agent") as client:
        with pytest.raises(MCPError) as missing:
            await client.read_resource(uri)
    assert (missing.value.code, missing.value.data) == (-32602, {"uri": uri})


def test_a_refusal_of_the_door_keeps_its_words_and_its_code() -> None:
    told = refused(Locked("the vault is sealed", rule="sealed", hint="a person unlocks it"))
    assert told.data == {"code": "LOCKED"}
    assert "the vault is sealed" in told.message
    assert "a person unlocks it" in told.message
