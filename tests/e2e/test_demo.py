"""`stack-local demo` and `self-test` as somebody runs them, and the demo decided at the screen."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from stack_local.client import RemoteClient
from stack_local.demo.narration import Check
from stack_local.demo.play import Backstage
from stack_local.demo.throwaway import PASSPHRASE
from stack_local.domain.secrets import Secret
from stack_local.vault.profiles import CHEAPEST
from stack_local.wire.intents import ApproveIntent, IntentApproval, ListIntents, RejectIntent
from stack_local.wire.vault import UnlockVault

STACK_LOCAL = Path(sys.executable).with_name("stack-local")
SECONDS = 120
COLUMNS = 80

Verdict = Callable[[IntentApproval], ApproveIntent | RejectIntent]

CREDENTIAL = re.compile(r"demo\+[A-Za-z0-9+/]")
"""How the random credential of each run begins; a reader is shown no more than `demo`."""

FACTS = (
    ("the agent of the SDK", r"agent +OpenAI Agents SDK [0-9.]+"),
    ("the approval", r"person +approves exactly this: POST /messages"),
    ("the call", r"-> stack_proxy_request +the service answered 201$"),
    ("the repeat", r"-> stack_proxy_request +the service answered 201, as stored$"),
    ("the rejection", r"-> stack_get_intent_approval +rejected$"),
    ("the revocation", r"ok +The rejection revoked the agent's passport\."),
    ("the refused call", r"-> stack_proxy_request +refused: PASSPORT_REVOKED$"),
    ("what the service saw", r"request +POST /messages\n +Authorization matches: yes \(demo…\)"),
    ("the transcript", r"ok +The agent's transcript \([1-9][0-9]* entries"),
    ("the chain", r"ok +The audit chain verifies: [1-9][0-9]* records\."),
)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command without a terminal, its temporary files in a folder of the test's own."""
    environment = {**os.environ, "STACK_LOCAL_TEST_PROFILE": "cheapest", "TMPDIR": str(folder)}
    return subprocess.run(
        [STACK_LOCAL, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def played() -> tuple[subprocess.CompletedProcess[str], Path]:
    """The demo, played once, and the folder it had for its files."""
    # A short one: the admin socket's path must fit.
    folder = Path(tempfile.mkdtemp(prefix="sd-"))
    return _run(folder, "demo", "--yes"), folder


def test_the_demo_ends_well(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = played
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize(("fact", "pattern"), FACTS, ids=[fact for fact, _ in FACTS])
def test_the_demo_shows(played: tuple[subprocess.CompletedProcess[str], Path], fact: str, pattern: str) -> None:
    done, _ = played
    assert re.search(pattern, done.stdout, re.MULTILINE), done.stdout


def test_the_demo_prints_no_credential_and_fits_its_columns(
    played: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = played
    assert not CREDENTIAL.search(done.stdout + done.stderr)
    assert max(len(line) for line in done.stdout.splitlines()) <= COLUMNS


def test_the_demo_leaves_nothing_behind(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = played
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_the_self_test_finds_every_part(tmp_path: Path) -> None:
    done = _run(tmp_path, "self-test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line.startswith(("  ok    ", "        ")) for line in done.stdout.splitlines())


async def _at_the_screen(admin_socket: Path, *verdicts: Verdict) -> None:
    """A person who decides what comes in, one verdict after another, and leaves."""
    person = RemoteClient(socket_path=str(admin_socket))
    opened = await person.call(UnlockVault(passphrase=SecretStr(PASSPHRASE)))
    person.hold_session(Secret(opened.session.get_secret_value()))
    left = list(verdicts)
    async for _ in person.watch():
        if not left:
            break
        for waiting in (await person.call(ListIntents())).items:
            await person.call(left.pop(0)(waiting))
    await person.aclose()


def _yes(waiting: IntentApproval) -> ApproveIntent:
    assert waiting.call is not None
    return ApproveIntent(approval_id=waiting.id, digest=waiting.call.digest)


def _no(waiting: IntentApproval) -> RejectIntent:
    return RejectIntent(approval_id=waiting.id)


VISITS: tuple[tuple[str, tuple[Verdict, ...]], ...] = (
    ("what the person decides at the screen is what happens", (_yes, _no)),
    ("what the person leaves undecided is decided for them", ()),
    ("the rest is decided for a person who leaves midway", (_yes,)),
)


@pytest.mark.parametrize(("visit", "verdicts"), VISITS, ids=[visit for visit, _ in VISITS])
def test_at_the_screen(visit: str, verdicts: tuple[Verdict, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        checks = _visited(Path(name), *verdicts)
    assert [check.words for check in checks if not check.held] == []


def test_a_no_to_the_first_request_is_reported_as_what_did_not_hold() -> None:
    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        checks = _visited(Path(name), _no)
    assert any(not check.held for check in checks)
    assert checks[-1].held, "the chain verifies all the same"


def _visited(directory: Path, *verdicts: Verdict) -> list[Check]:
    backstage = Backstage(directory, CHEAPEST)
    try:
        asyncio.run(_at_the_screen(backstage.start(), *verdicts))
        return backstage.finish()
    finally:
        backstage.stop()
