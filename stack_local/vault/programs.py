"""Programs of the operator, run for the one secret that each prints: bounded in time and size, without a shell."""

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from stack_local.domain.errors import Unavailable, UpstreamFailed, UpstreamTimedOut
from stack_local.domain.secrets import Secret

RUN_SECONDS = 10.0
"""From the start of a program to its end; a person may have to touch a key meanwhile."""

KILL_SECONDS = 1.0
"""How long we wait for a program that was killed."""

OUTPUT_BYTES = 64 * 1024
"""What a program may print, and what it may complain: more is not a secret."""

COMPLAINT_CHARACTERS = 200
"""How much of a program's complaint is repeated."""

SHORTEST_HIDDEN = 6
"""Characters of a value that is taken out of a complaint; a shorter one would take words out."""

COMMON_VARIABLES = re.compile(
    r"HOME|PATH|USER|LOGNAME|LANG|LC_[A-Z]+|TMPDIR|XDG_[A-Z]+_(?:HOME|DIR)|DBUS_SESSION_BUS_ADDRESS|DISPLAY|WAYLAND_DISPLAY"
    r"|XAUTHORITY"
)
"""What every program is given of the operator's environment: where its files are, and where it may ask the person."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a person installed and logged in to."""

    name: str
    """As it is called, without a path."""
    title: str
    variables: re.Pattern[str]
    """The names of its own variables; no other program is given them."""
    hint: str
    """What a person does when it fails."""


class Programs:
    """Runs them, from the folders and with the variables of the environment in which this process was started."""

    def __init__(self, environment: Mapping[str, str], *, seconds: float = RUN_SECONDS) -> None:
        # A folder that is not absolute would be found below wherever somebody started us.
        folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
        self._path = os.pathsep.join(folders)
        self._environment = {**environment, "PATH": self._path}
        self._seconds = seconds

    async def run(self, program: Program, *arguments: str) -> Secret:
        """What the program prints, without one newline at its end. No argument may be a secret: others can see them.

        Raises:
            Unavailable: it is not installed, or cannot be started.
            UpstreamFailed: it failed, or printed nothing, too much or no text.
            UpstreamTimedOut: it did not end in time; it is killed.
        """
        path = shutil.which(program.name, path=self._path)
        if path is None:
            raise Unavailable(f"{program.title} is not installed", code="PROGRAM_MISSING", program=program.name)
        try:
            async with asyncio.timeout(self._seconds):
                status, printed, complaint = await self._outcome(program, path, arguments)
        except TimeoutError:
            raise UpstreamTimedOut(
                f"{program.title} did not answer in time", program=program.name, hint=program.hint
            ) from None
        return self._secret(program, status, printed, complaint)

    async def _outcome(self, program: Program, path: str, arguments: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        process = await self._start(program, path, arguments)
        has_ended = False
        try:
            printed, complaint = await asyncio.gather(_read(process, process.stdout), _read(process, process.stderr))
            status = await process.wait()
            has_ended = True
            return status, printed, complaint
        finally:
            if not has_ended:
                await _end(process)

    async def _start(self, program: Program, path: str, arguments: tuple[str, ...]) -> Process:
        given = self._given(program)
        try:
            # In a session of its own it has no terminal to ask at or to paint on, and dies with all it started.
            return await asyncio.create_subprocess_exec(
                path, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=given, cwd="/", start_new_session=True
            )
        except OSError as error:
            raise Unavailable(
                f"{program.title} cannot be started: {error.strerror}", code="PROGRAM_MISSING", program=program.name
            ) from None

    def _given(self, program: Program) -> dict[str, str]:
        return {
            name: value
            for name, value in self._environment.items()
            if COMMON_VARIABLES.fullmatch(name) or program.variables.fullmatch(name)
        }

    def _secret(self, program: Program, status: int, printed: bytes, complaint: bytes) -> Secret:
        if max(len(printed), len(complaint)) > OUTPUT_BYTES:
            raise UpstreamFailed(f"{program.title} printed more than {OUTPUT_BYTES} bytes", program=program.name)
        if status != 0:
            said = _first_line(complaint, [*self._own_values(program), *printed.decode("utf-8", "replace").split("\n")])
            message, hint = f"{program.title} gave no secret", program.hint
            raise UpstreamFailed(message, program=program.name, exit_status=status, said=said, hint=hint)
        try:
            text = printed.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise UpstreamFailed(f"{program.title} printed no text", program=program.name) from None
        if not text:
            raise UpstreamFailed(f"{program.title} printed nothing", program=program.name, hint=program.hint)
        return Secret(text)

    def _own_values(self, program: Program) -> list[str]:
        return [value for name, value in self._environment.items() if program.variables.fullmatch(name)]


async def _read(process: Process, stream: asyncio.StreamReader | None) -> bytes:
    """What comes until the end; on too much of it the program is killed, which ends it."""
    assert stream is not None  # a pipe was asked for
    found = b""
    while chunk := await stream.read(OUTPUT_BYTES):
        found += chunk
        if len(found) > OUTPUT_BYTES:
            _kill(process)
            break
    return found


async def _end(process: Process) -> None:
    _kill(process)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILL_SECONDS):
            await process.wait()
    # What it started may hold our pipes still, in a session of its own; asyncio has no other way to let go of them.
    process._transport.close()  # type: ignore[attr-defined]


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _first_line(complaint: bytes, hidden: Iterable[str]) -> str | None:
    """The first line that says something, harmless to show; what was printed or given is taken out."""
    text = _ESCAPE_SEQUENCE.sub("", complaint.decode("utf-8", "replace"))
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    for value in sorted((value.strip() for value in hidden), key=len, reverse=True):
        if len(value) >= SHORTEST_HIDDEN:
            line = line.replace(value, "…")
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown[:COMPLAINT_CHARACTERS] or None
