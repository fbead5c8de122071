"""`connect` beside a real process: it names the port of the one that runs, without anybody being authenticated."""

import json
from pathlib import Path

from tests.e2e.harness import Server


async def test_the_address_is_that_of_the_process_and_without_one_that_of_the_settings(tmp_path: Path) -> None:
    async with Server(tmp_path) as server:
        await server.init()
        (server.home / "settings.toml").write_text("port = 7901\n")
        await server.start()
        assert f"{server.base_url}/mcp" in await _told(server)
        await server.stop()
        assert "http://127.0.0.1:7901/mcp" in await _told(server)


async def _told(server: Server) -> str:
    status, out, _ = await server.command("connect", "codex", "--json")
    assert status == 0
    text: str = json.loads(out)["text"]
    return text
