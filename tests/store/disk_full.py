"""A process whose files may not grow: what the database does then, and after. Run by `test_database.py`."""

import asyncio
import os
import resource
import sys
from pathlib import Path

from stack_local.domain.errors import Unavailable
from stack_local.store import meta
from stack_local.store.database import Database

ROOM_BYTES = 20_000


def bytes_of(path: str) -> int:
    return os.stat(path).st_size


async def main(path: Path, key_hex: str) -> None:
    """Write, be refused while there is no room, write again; print what happened, one word a line."""
    database = Database(path, key_hex, after_commit=lambda tx: None)
    await database.write(lambda tx: meta.put(tx, "before", "kept"))
    unlimited, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of(f"{path}-wal") + ROOM_BYTES, most))
    for name in ("large", "second"):
        try:
            await database.write(lambda tx, name=name: meta.put(tx, name, "x" * 1_000_000))
        except Unavailable as refused:
            print(refused.code)
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, most))
    await database.write(lambda tx: meta.put(tx, "after", "kept"))
    names = await database.read(lambda tx: [row["name"] for row in tx.all("SELECT name FROM meta ORDER BY name")])
    print(*names)
    database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
