"""A process that is killed as soon as its write is acknowledged. Run by `test_database.py`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from stack_local.store import meta
from stack_local.store.database import Database


async def main(path: Path, key_hex: str) -> None:
    """Write once and die."""
    database = Database(path, key_hex, after_commit=lambda tx: None)
    await database.write(lambda tx: meta.put(tx, "acknowledged", "yes"))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
