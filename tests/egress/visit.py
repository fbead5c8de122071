"""A real appliance, and an agent that asks it for the whole table: run where nobody but canaries can be reached.

    python -m tests.egress.visit FOLDER

It prints one line of JSON: `{surface: {row: what was said}}`.
"""

import asyncio
import json
import sys
from ipaddress import ip_address
from pathlib import Path

import httpx

from tests.e2e.harness import Server
from tests.egress.dangerous import Row, table
from tests.egress.surfaces import SURFACES, said_of, set_stage
from tests.simulators.namespaces import HOUSE

WAYS = ("REST, bound", "REST, not bound", "MCP, bound", "MCP, not bound", "base URL", "verify")
"""Those that can be asked from outside of the process, as often as the table is long."""

OWN_PUBLIC = Row(
    "this machine's public address",
    "https://own-public.example.org/",
    "this machine",
    "this machine",
    ((HOUSE,),),
)
"""A name of public form that leads back to the machine itself."""

OWN_PORT = 7822
"""Free for certain: the namespace is new."""


def visited() -> tuple[Row, ...]:
    """The rows that a real resolver can be made to tell, for an appliance at OWN_PORT."""
    tellable = (row for row in table() if all(_is_address(text) for series in row.answers for text in series))
    return (*(row.at(OWN_PORT) for row in tellable), OWN_PUBLIC)


def _is_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


async def visit(folder: Path) -> dict[str, dict[str, str]]:
    """Ask for every row by every way."""
    async with Server(folder, OWN_PORT) as server:
        await server.init()
        await server.start()
        assert server.person is not None
        rows = visited()
        async with httpx.AsyncClient(base_url=server.base_url, timeout=30, trust_env=False) as http:
            stage = await set_stage(server.person, http, rows)
            said = {name: await said_of(SURFACES[name], stage, filter(SURFACES[name].serves, rows)) for name in WAYS}
        await server.stop()
    return {name: {row.name: words for row, words in pairs} for name, pairs in said.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(visit(Path(sys.argv[1])))) + "\n")
