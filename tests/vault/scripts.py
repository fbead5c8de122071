"""Small programs that stand for the commands of others: real files in a folder of their own, which is on the PATH."""

import asyncio
import os
import select
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/bin:/bin"
"""What the scripts themselves need."""

LONG_SECONDS = 5
"""What no test waits for, unless it fails."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """A home and the folder beside it in which the programs are."""

    home: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What an operator starts us with."""
        return {"HOME": str(self.home), "PATH": f"{self.folder}:{SYSTEM_PATH}"}

    def write(self, name: str, lines: str) -> Path:
        """A program of these lines of shell."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def recording(self, name: str, *, printed: str) -> None:
        """A program that prints this, and keeps what it was called with in `argv` and `given`."""
        self.write(
            name,
            f"printf '%s\\n' \"$@\" > {self.home}/argv\nenv > {self.home}/given\necho x >> {self.home}/times\n"
            f"printf '%s' '{printed}'",
        )

    @property
    def argv(self) -> list[str]:
        """The arguments of the last call."""
        return (self.home / "argv").read_text(encoding="utf-8").splitlines()

    @property
    def given(self) -> dict[str, str]:
        """The environment of the last call, without what a shell adds."""
        lines = (self.home / "given").read_text(encoding="utf-8").splitlines()
        pairs = dict(line.partition("=")[::2] for line in lines)
        return {name: value for name, value in pairs.items() if name not in ("PWD", "SHLVL", "OLDPWD", "_")}

    @property
    def times(self) -> int:
        """How often it was called."""
        kept = self.home / "times"
        return len(kept.read_text(encoding="utf-8").splitlines()) if kept.exists() else 0


def scripts_in(tmp_path: Path) -> Scripts:
    """An empty folder of programs."""
    made = Scripts(tmp_path / "home", tmp_path / "bin")
    made.home.mkdir()
    made.folder.mkdir()
    return made


class Lifeline:
    """A pipe with a name: a program pulls at it, and it is dropped once nobody who inherited it lives."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def pulled(self) -> None:
        """Wait until a program wrote into it."""
        is_pulled = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._reading, is_pulled.set)
        async with asyncio.timeout(LONG_SECONDS):
            await is_pulled.wait()
        asyncio.get_running_loop().remove_reader(self._reading)

    def is_dropped(self) -> bool:
        """Whether everybody lets go of it soon; whoever was killed needs a moment to be gone."""
        waiting = select.poll()
        waiting.register(self._reading, select.POLLHUP)
        return bool(waiting.poll(LONG_SECONDS * 1000))

    def close(self) -> None:
        os.close(self._reading)
