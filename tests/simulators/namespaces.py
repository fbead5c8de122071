"""Two network namespaces that are joined by one cable: a house in which something runs, and the world around it.

The world takes every address there is as its own, so whatever the house connects to, it is answered there. Needs user
namespaces or root, and iproute2; nothing is changed outside, and all of it ends with the processes that hold it.
"""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

WORLD, HOUSE = "11.0.0.1", "11.0.0.2"
"""The two ends of the cable: public addresses, so that only its being the machine's own refuses the second."""

DNS = "11.0.0.53"
"""Where the house asks for names."""

TOOLS = ("unshare", "nsenter", "ip", "mount", "sh")
PATIENCE_SECONDS = 30


class CannotMake(Exception):
    """This machine has no namespaces for us; why."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The two namespaces, as prefixes of a command line that enters them."""

    world: tuple[str, ...]
    house: tuple[str, ...]


@asynccontextmanager
async def joined(folder: Path) -> AsyncIterator[Joined]:
    """Both, while the block runs.

    Raises:
        CannotMake: a tool is missing, or the kernel refuses.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotMake(f"not installed: {', '.join(missing)}")
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(_held(("unshare", "--map-root-user", "--net", "--mount")))
        inside = ("nsenter", "-t", str(world.pid), "--user", "--mount", "--preserve-credentials", "--wd=.")
        house = await stack.enter_async_context(_held((*inside, "--net", "unshare", "--net")))
        made = Joined(
            (*inside, f"--net=/proc/{world.pid}/ns/net"),
            (*inside, f"--net=/proc/{house.pid}/ns/net"),
        )
        await _run((*made.world, "ip", "-batch", "-"), _world_commands(house.pid))
        await _run((*made.world, "ip", "-6", "-batch", "-"), ["route add local ::/0 dev lo table main"])
        await _run((*made.house, "ip", "-batch", "-"), _house_commands())
        await _run((*made.world, "sh", "-e"), _mounts(folder))
        yield made


@asynccontextmanager
async def _held(command: tuple[str, ...]) -> AsyncIterator[Process]:
    """A process that holds a namespace until its input ends; its own id is that of the namespace's first process."""
    process = await asyncio.create_subprocess_exec(
        *command, "sh", "-c", "echo held; exec cat", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        if await process.stdout.readline() != b"held\n":
            raise CannotMake((await process.stderr.read()).decode().strip())
        yield process
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def _run(command: Iterable[str], lines: Iterable[str]) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE)
    _, said = await asyncio.wait_for(process.communicate("\n".join(lines).encode()), PATIENCE_SECONDS)
    if process.returncode:
        raise CannotMake(said.decode().strip())


def _world_commands(house: int) -> list[str]:
    return [
        "link set lo up",
        # In the main table, behind the cable's own network, or no answer would find its way back.
        "route add local 0.0.0.0/0 dev lo table main",
        f"link add cable type veth peer name cable netns {house}",
        f"address add {WORLD}/24 dev cable",
        f"address add {DNS}/24 dev cable",
        "address add 2a00::1/64 dev cable nodad",
        "link set cable up",
    ]


def _house_commands() -> list[str]:
    return [
        "link set lo up",
        f"address add {HOUSE}/24 dev cable",
        "address add 2a00::2/64 dev cable nodad",
        "link set cable up",
        f"route add default via {WORLD}",
        "route add default via 2a00::1",
    ]


def _mounts(folder: Path) -> list[str]:
    """Names come from our server alone, in this mount namespace only."""
    resolver, order = folder / "resolv.conf", folder / "nsswitch.conf"
    resolver.write_text(f"nameserver {DNS}\noptions timeout:2 attempts:1\n")
    order.write_text("hosts: files dns\n")
    return [f"mount --bind '{resolver}' /etc/resolv.conf", f"mount --bind '{order}' /etc/nsswitch.conf"]
