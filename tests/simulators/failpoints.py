"""Points on the way of a proxied call at which a test strikes: by raising, by looking on, or by SIGKILL.

The parts are handed to the pipeline through its constructor; nothing in the product knows of them. As a process it has
everything imported and forks the real command for each line of arguments (a JSON list) on its stdin, one at a time:

    python -m tests.simulators.failpoints FILE

The child kills itself when a call comes to the point named in FILE, read at its start and on SIGUSR2; there it also
finds `disk full` and `disk free`. Its output and ours come out together: `pid N` first, `ended STATUS` last.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlcipher3 import dbapi2 as sqlcipher

import stack_local.launch  # noqa: F401 (all a server needs, imported before the first fork)
from stack_local import app
from stack_local.__main__ import main as run_command
from stack_local.domain.detection import CallFacts, Finding, PastCall
from stack_local.egress.client import Egress, InboundResponse, OutboundRequest, StreamedResponse
from stack_local.jobs import Jobs
from stack_local.proxy.inspect import Inspector
from stack_local.proxy.pipeline import Pipeline
from stack_local.store.database import Database, Tx

Result = TypeVar("Result")
Strike = Callable[[str], None]
"""Hears the name of a point as a call comes to it."""

POINTS = ("inspect", "decide", "decide.commit", "decided", "send", "sent", "settle", "settle.commit", "settled")
"""In the order in which a call comes to them. `….commit` is inside the transaction, in the writer's thread."""

START_POINTS = ("orphans", "orphans.closed")
"""At start-up, around the closing of what a crash left open."""


class Faults:
    """What happens at which point; a point without an action is only counted."""

    def __init__(self) -> None:
        self.actions: dict[str, Callable[[], None]] = {}
        self.passed: list[str] = []

    def strike(self, point: str) -> None:
        self.passed.append(point)
        action = self.actions.get(point)
        if action is not None:
            action()

    def once(self, point: str, action: Callable[[], None]) -> None:
        """Do it the first time only."""

        def act() -> None:
            del self.actions[point]
            action()

        self.actions[point] = act


def disk_error() -> None:
    """What SQLite says when the disk refuses."""
    raise sqlcipher.OperationalError("disk I/O error")


def defect() -> None:
    """An error that nobody expects."""
    raise RuntimeError("a defect of ours")


class StruckDatabase:
    """The pipeline's view of the database: `write` is its decision, `submit` its settling."""

    def __init__(self, inner: Database, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike

    @property
    def access_generation(self) -> int:
        return self._inner.access_generation

    async def read(self, work: Callable[[Tx], Result]) -> Result:
        return await self._inner.read(work)

    async def write(self, work: Callable[[Tx], Result]) -> Result:
        self._strike("decide")
        decided = await self._inner.write(self._struck(work, "decide.commit"))
        self._strike("decided")
        return decided

    def submit(self, work: Callable[[Tx], Result], *, is_patient: bool = False) -> Any:
        self._strike("settle")
        settled = self._inner.submit(self._struck(work, "settle.commit"), is_patient=is_patient)
        settled.add_done_callback(lambda future: self._strike("settled"))
        return settled

    def _struck(self, work: Callable[[Tx], Result], point: str) -> Callable[[Tx], Result]:
        def struck(tx: Tx) -> Result:
            done = work(tx)
            self._strike(point)
            return done

        return struck


class StruckEgress:
    """The pipeline's view of the way out."""

    def __init__(self, inner: Egress, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self._strike("send")
        response = await self._inner.send(request)
        self._strike("sent")
        return response

    async def open(self, request: OutboundRequest) -> StreamedResponse:
        self._strike("send")
        response = await self._inner.open(request)
        self._strike("sent")
        return response


class StruckInspector:
    """The pipeline's view of the detectors."""

    def __init__(self, inner: Inspector, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike

    async def inspect(self, facts: CallFacts, history: Sequence[PastCall]) -> tuple[Finding, ...]:
        self._strike("inspect")
        return await self._inner.inspect(facts, history)


class StruckPipeline(Pipeline):
    """The real pipeline over parts that strike."""

    def __init__(
        self, strike: Strike, *, database: Database, egress: Egress, inspector: Inspector, **others: Any
    ) -> None:
        super().__init__(
            database=cast(Database, StruckDatabase(database, strike)),
            egress=cast(Egress, StruckEgress(egress, strike)),
            inspector=cast(Inspector, StruckInspector(inspector, strike)),
            **others,
        )


class StruckJobs(Jobs):
    """The real jobs, struck around what they do at start-up."""

    def __init__(self, strike: Strike, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._strike = strike

    async def close_orphans(self, *, older_than_seconds: int = 0) -> None:
        self._strike("orphans")
        await super().close_orphans(older_than_seconds=older_than_seconds)
        self._strike("orphans.closed")


def parts(strike: Strike) -> dict[str, Callable[..., Any]]:
    """What stands in for which name in the composition root."""
    return {"Pipeline": partial(StruckPipeline, strike), "Jobs": partial(StruckJobs, strike)}


def main() -> None:
    """Fork a `stack-local` for each line of arguments."""
    file = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _be_the_command(file, json.loads(line))
        print(f"pid {child}", flush=True)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


def _be_the_command(file: Path, arguments: list[str]) -> None:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv[1:] = arguments
        _arm(file)
        run_command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arm(file: Path) -> None:
    armed = [file.read_text()]

    def again(number: int, frame: object) -> None:
        armed[0] = file.read_text()
        _limit_files(armed[0])

    def strike(reached: str) -> None:
        if reached == armed[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(signal.SIGUSR2, again)
    for name, part in parts(strike).items():
        setattr(app, name, part)


def _limit_files(word: str) -> None:
    """`disk full`: no file grows, or is written at all, until `disk free`."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if word in ("disk full", "disk free"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if word == "disk full" else hard, hard))


if __name__ == "__main__":
    main()
