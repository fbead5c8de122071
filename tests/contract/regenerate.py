"""Writes the committed tables anew: `python -m tests.contract.regenerate schemas` or `… bearers`. Read the diff."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.contract import test_bearers, test_schemas
from tests.contract.world import prepared


async def _bearers() -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with prepared(Path(folder)) as world:
            seen = await test_bearers.walked(world)
    rows = (f" {json.dumps(name)}: {{\n{_sides(seen[name])}\n }}" for name in sorted(seen))
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _sides(sides: dict[str, dict[str, str]]) -> str:
    return ",\n".join(f"  {json.dumps(side)}: {json.dumps(bearers)}" for side, bearers in sides.items())


def main(what: str) -> None:
    """Write one of the tables."""
    if what == "schemas":
        test_schemas.TABLE.write_text(test_schemas.text_of(test_schemas.current()))
    elif what == "bearers":
        test_bearers.TABLE.write_text(asyncio.run(_bearers()))
    else:
        raise SystemExit("schemas or bearers")


if __name__ == "__main__":
    main(sys.argv[1])
