"""The server and the upstream as processes of their own, and the laws that hold whatever kills the first."""

import asyncio
import base64
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from stack_local.client import RemoteClient
from stack_local.domain.secrets import Secret
from stack_local.wire.audit import AuditEntry, ListAudit
from stack_local.wire.intents import ApproveIntent, GetIntentApproval
from stack_local.wire.vault import MAX_RATE, CreateSession, GetStatus, SetRates
from tests.conftest import PASSPHRASE, PLAIN, TOKEN, decoded

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
"""For a process to start or to end, on a busy machine."""

OUTCOMES = frozenset({"success", "failure"})


class Died(Exception):
    """The process ended before it was ready."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


@dataclass
class Server:
    """One home, and the process that serves it now."""

    root: Path
    port: int = field(default_factory=lambda: free_port())
    output: bytes = b""
    """Everything any of its processes printed."""
    pid: int = 0
    person: RemoteClient | None = None
    _nursery: asyncio.subprocess.Process | None = None
    _is_roomy: bool = False
    """Whether the person has allowed as many calls as a test may make."""

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def passphrase_file(self) -> Path:
        return self.root / "passphrase"

    async def init(self) -> dict[str, str]:
        """Make the vault by the command; what it printed."""
        self.passphrase_file.touch(mode=0o600)
        self.passphrase_file.write_text(PASSPHRASE)
        words = ["init", "--passphrase-file", str(self.passphrase_file), "--recovery-file", str(self.root / "recovery")]
        status, printed, _ = await self.command(*words, "--json")
        assert status == 0
        # On a machine that is busy with killing, a detector on its usual budget is late now and then, and refuses.
        (self.home / "settings.toml").write_text("detector_seconds = 5\n")
        made: dict[str, str] = json.loads(printed)
        return made

    async def command(self, *words: str) -> tuple[int, str, str]:
        """One command against this home: its exit status, and what it said on stdout and stderr."""
        arguments = ["-m", "stack_local", "--home", str(self.home), *words]
        process = await self._spawn(arguments, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        self.output += out + err
        return process.returncode or 0, out.decode(), err.decode()

    async def start(self, *, dies_at: str = "") -> None:
        """Serve, unlocked, with a person at the admin socket.

        Raises:
            Died: it ended first.
        """
        (self.root / "point").write_text(dies_at)
        await self._fork()
        while not (line := await self._line()).startswith(b"stack_local at"):
            if line.startswith(b"ended "):
                self.pid = 0
                raise Died(int(line.removeprefix(b"ended ")))
        self.person = RemoteClient(socket_path=str(self.home / "admin.sock"))
        session = await self.person.call(CreateSession(passphrase=PASSPHRASE))
        self.person.hold_session(Secret(session.session.get_secret_value()))
        if not self._is_roomy:
            await self.person.call(SetRates(proxy_calls_per_minute=MAX_RATE, intents_per_hour=MAX_RATE))
            self._is_roomy = True

    async def _fork(self) -> None:
        if self._nursery is None:
            arguments = ["-m", "tests.simulators.failpoints", str(self.root / "point")]
            self._nursery = await self._spawn(
                arguments, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
        words = ["serve", "--port", str(self.port), "--passphrase-file", str(self.passphrase_file)]
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(["--home", str(self.home), *words]).encode() + b"\n")
        self.pid = int((await self._line()).removeprefix(b"pid "))

    async def _line(self) -> bytes:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        line = await asyncio.wait_for(self._nursery.stdout.readline(), PATIENCE_SECONDS)
        self.output += line
        return line

    async def _spawn(self, arguments: list[str], *, stdin: int, stderr: int) -> asyncio.subprocess.Process:
        environment = os.environ | {"STACK_LOCAL_TEST_PROFILE": "cheapest", "STACK_LOCAL_STATE": str(self.state)}
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, env=environment, stdin=stdin, stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )  # fmt: skip

    def dies_at(self, point: str) -> None:
        """From now on it kills itself when a call comes to this point."""
        (self.root / "point").write_text(point)
        os.kill(self.pid, signal.SIGUSR2)

    def kill(self) -> None:
        """SIGKILL, now."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def gone(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        while not (line := await self._line()).startswith(b"ended "):
            pass
        self.pid = 0
        if self.person is not None:
            await self.person.aclose()
        return int(line.removeprefix(b"ended "))

    async def stop(self) -> int:
        """End it in order."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.gone()

    def http(self, bearer: str) -> httpx.AsyncClient:
        """A client of the agents' side."""
        headers = {"Authorization": f"Bearer {bearer}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=30, trust_env=False, verify=PLAIN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if self._nursery is not None:
            self._nursery.stdin.close()  # type: ignore[union-attr]  # it was made with a pipe
            await asyncio.wait_for(self._nursery.wait(), PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request in the upstream's log."""

    method: str
    target: str
    body: bytes

    def subject(self, host_port: str) -> str:
        return f"{self.method} {host_port}{self.target.partition('?')[0]}"


@dataclass
class UpstreamProcess:
    """The simulated service as a process; its log is on disk before it answers."""

    root: Path
    token: str = TOKEN
    expects: str = "bearer"
    port: int = 0
    process: asyncio.subprocess.Process | None = None

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host_port}"

    @property
    def log_file(self) -> Path:
        return self.root / "upstream.log"

    def arrived(self) -> list[Arrived]:
        """Every request it ever received."""
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        entries = [json.loads(line) for line in lines]
        return [Arrived(entry["method"], entry["target"], base64.b64decode(entry["body_base64"])) for entry in entries]

    async def until_arrived(self, count: int) -> None:
        """Return once so many requests are in the log. The log is all that the process says, so we look again."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.arrived()) < count:  # noqa: ASYNC110 (another process sets no event of ours)
                await asyncio.sleep(0.005)

    async def __aenter__(self) -> Self:
        token_file = self.root / "token"
        token_file.write_text(self.token)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.simulators.upstream", "--token-file", str(token_file),
            "--ready-file", str(self.root / "upstream.ready"), "--log-file", str(self.log_file),
            "--expects", self.expects,
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS)
        self.port = json.loads(line)["port"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()


def free_port() -> int:
    """A port that is free now, and that no machine hands out by itself to whoever asks for any."""
    while True:
        port = random.randrange(10_240, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


async def read_log(person: RemoteClient, *, after: int = 0) -> list[AuditEntry]:
    """Every entry after one, oldest first."""
    entries: list[AuditEntry] = []
    while True:
        page = await person.call(ListAudit(limit=100, after_sequence=after))
        if not page.entries:
            return entries
        entries += sorted(page.entries, key=lambda entry: entry.sequence)
        after = entries[-1].sequence


async def settled_log(person: RemoteClient, *, looks: int = 3) -> list[AuditEntry]:
    """The log, once every call in it has its outcome, or as it is after so many looks; the feed says when to look."""
    entries = await read_log(person)
    for _ in range(looks):
        changes = (await person.call(GetStatus())).changes
        entries = await read_log(person)
        if not open_operations(entries):
            break
        await person.call(GetStatus(after_changes=changes, wait_seconds=2))
    return entries


def open_operations(entries: Iterable[AuditEntry]) -> set[str]:
    """Calls that were let out and have no outcome."""
    calls = list(_calls(entries))
    ended = {entry.detail["operation_id"] for entry in calls if entry.outcome in OUTCOMES}
    return {str(entry.detail["operation_id"]) for entry in calls if entry.outcome == "pending"} - ended


def broken_laws(entries: Iterable[AuditEntry], arrived: Iterable[str]) -> list[str]:
    """What speaks against *no record, no call* and *no call without an outcome*; `arrived` are subjects."""
    calls = list(_calls(entries))
    requested = Counter(entry.subject for entry in calls if entry.outcome == "pending")
    ended = Counter(str(entry.detail["operation_id"]) for entry in calls if entry.outcome in OUTCOMES)
    known = {str(entry.detail["operation_id"]) for entry in calls if entry.outcome == "pending"}
    broken = [
        f"{count} × {subject} arrived, {requested[subject]} recorded"
        for subject, count in Counter(arrived).items()
        if count > requested[subject]
    ]
    broken += [f"{operation} has no outcome" for operation in known - ended.keys()]
    broken += [f"{operation} was not requested" for operation in ended.keys() - known]
    return broken + [f"{operation} has {count} outcomes" for operation, count in ended.items() if count > 1]


def _calls(entries: Iterable[AuditEntry]) -> Iterable[AuditEntry]:
    return (entry for entry in entries if entry.action == "credential.proxy" and "operation_id" in entry.detail)


async def approved(person: RemoteClient, http: httpx.AsyncClient, call: dict[str, Any]) -> str:
    """The id of an approval of exactly this call, given."""
    held = decoded(await http.post("/v1/proxy", json=call))
    assert held.get("metadata") == {"gate_reason": "approval_required"}, held
    approval_id: str = held["error"]["details"]["approval_id"]
    pending = await person.call(GetIntentApproval(approval_id=approval_id))
    assert pending.call is not None
    await person.call(ApproveIntent(approval_id=approval_id, digest=pending.call.digest))
    return approval_id
