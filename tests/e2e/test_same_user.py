"""Bar 7: a process of the same user without the passphrase decides, opens, reveals and mints nothing."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.domain.secrets import Secret
from stack_local.vault import slots
from stack_local.vault.profiles import Deriver
from tests.conftest import PASSPHRASE, TOKEN
from tests.e2e.same_user import OWN_PASSPHRASE, TRIES
from tests.simulators.leakscan import scan_tree

REPOSITORY = Path(__file__).parents[2]

USER = 64321
"""Made up: root reads everything, so neither the appliance nor the attacker is root."""

ABORT = "abort the process for its core"


def _interpreter() -> str | None:
    """A Python of this version that everybody may run: the tests' own may live in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            line = [candidate, "-c", "import ssl"]
            subprocess.run(line, user=USER, group=USER, extra_groups=[], check=True, capture_output=True, cwd="/")
            return candidate
    return None


PYTHON = _interpreter() if os.getuid() == 0 else None

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc and ptrace as Linux has them"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may start both under a made up user"),
    pytest.mark.skipif(PYTHON is None, reason="no Python of this version that another user may run"),
]


@dataclass
class Live:
    """A real `stack-local serve` of an unprivileged user, and its person."""

    root: Path
    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    session: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)

    def call(self, operation: str, *, bearer: str | None = None, **arguments: Any) -> Any:
        """Ask on the admin socket, as the person where no bearer is named."""
        transport = httpx.HTTPTransport(uds=self.facts["admin_socket"])
        token = self.session if bearer is None else bearer
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(transport=transport, base_url="http://stack-local", timeout=30) as client:
            return client.post(f"/v1/call/{operation}", json=arguments, headers=headers).json()


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """Initialised, served, unlocked from a pipe, and furnished."""
    root = Path(tempfile.mkdtemp(prefix="same-user-"))
    os.chown(root, USER, USER)
    try:
        _run(root, "init", "--passphrase-file", "-", "--recovery-file", str(root / "code"), "--json")
        _plant_links(root)
        running = _serve(root)
        try:
            yield _furnished(running)
        finally:
            _end(running)
    finally:
        shutil.rmtree(root)


def _end(live: Live) -> None:
    live.process.terminate()
    live.process.wait(20)


def _environment(root: Path) -> dict[str, str]:
    folder = {"HOME": str(root), "STACK_LOCAL_STATE": str(root / "state"), "STACK_LOCAL_TEST_PROFILE": "cheapest"}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")]),
        **folder,
    }


def _run(root: Path, *line: str, given: str = PASSPHRASE, module: str = "stack_local") -> str:
    home = ["--home", str(root / "home")] if module == "stack_local" else []
    told = subprocess.run(
        [str(PYTHON), "-m", module, *line, *home],
        input=given,
        env=_environment(root),
        user=USER,
        group=USER,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return told.stdout


def _plant_links(root: Path) -> None:
    """Where the ready file and its draft will be written, links to the key slots stand already."""
    for name in ("ready.json", ".ready.json.draft"):
        (root / name).symlink_to(root / "home" / "vault.json")
        os.chown(root / name, USER, USER, follow_symlinks=False)


def _serve(root: Path, *, is_unlocked: bool = True) -> Live:
    unlocking = ["--passphrase-file", "-"] if is_unlocked else []
    line = ["serve", "--home", str(root / "home"), "--port", "0", "--ready-file", str(root / "ready.json"), *unlocking]
    process = subprocess.Popen(
        [str(PYTHON), "-m", "stack_local", *line],
        env=_environment(root),
        user=USER,
        group=USER,
        extra_groups=[],
        cwd=root,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(PASSPHRASE.encode() if is_unlocked else b"")
    process.stdin.close()
    assert b"stack_local at" in process.stderr.readline()  # printed once the ready file is written
    return Live(root, process, json.loads((root / "ready.json").read_bytes()))


def _furnished(live: Live) -> Live:
    """An agent with a grant, a pending intent and a pending change, and a bearer of each kind."""
    live.session = live.call("create_session", bearer="", passphrase=PASSPHRASE)["session"]
    made = live.call("connect_custom_service", name="demo", credential=TOKEN, hosts=["127.0.0.1:9"])
    agent, other = (live.call("register_agent", name=name)["id"] for name in ("helper", "other"))
    for agent_id in (agent, other):
        grant = {"service_connection_id": made["id"], "scopes": ["read", "write"]}
        live.call("grant_agent_access", agent_id=agent_id, **grant)
    live.bearers = {
        "agent": live.call("create_key", agent_id=agent)["api_key"],
        "readonly": live.call("create_key", preset="readonly")["api_key"],
        "admin": live.call("create_key", preset="admin")["api_key"],
        "approver": live.call("create_key", preset="approver", decides_agents=[other], decides_services=[made["id"]])[
            "api_key"
        ],
    }
    issued = live.call("issue_passport", agent_id=agent, intent={"summary": "look"}, ttl_seconds=3600)
    live.bearers["passport"] = issued["token"]
    target = {"service": "custom_demo", "method": "POST", "url": "http://127.0.0.1:9/things"}
    asked = live.call("submit_intent", intent={"target": target}, passport_token=issued["token"])
    held = live.call("update_agent", bearer=live.bearers["agent"], agent_id=agent, approvals="never")
    live.ids = {
        "agent": agent,
        "approval": asked["approval_id"],
        "digest": live.call("get_intent_approval", approval_id=asked["approval_id"])["call"]["digest"],
        "decision": held["error"]["details"]["governance_approval_id"],
        "key": live.call("list_keys")["items"][0]["id"],
    }
    return live


def _harm(live: Live) -> dict[str, dict[str, Any]]:
    """What a person alone may ask, with arguments that would do it."""
    approval, decision = {"approval_id": live.ids["approval"]}, {"approval_id": live.ids["decision"]}
    wrong = {"passphrase": OWN_PASSPHRASE}
    return {
        "approve_intent": {**approval, "digest": live.ids["digest"]},
        "send_back_intent": {**approval, "notes": "no"},
        "list_pending_decisions": {},
        "approve_decision": decision,
        "reject_decision": decision,
        "create_key": {"preset": "admin"},
        "revoke_key": {"key_id": live.ids["key"]},
        "lock_vault": {},
        "seal_vault": {},
        "change_passphrase": {**wrong, "new_passphrase": OWN_PASSPHRASE},
        "renew_recovery_code": wrong,
        "enable_keyring": wrong,
        "disable_keyring": wrong,
    }


def _attack(live: Live, **chosen: Any) -> dict[str, list[str]]:
    loot = live.root / "loot"
    loot.mkdir(exist_ok=True)
    os.chown(loot, USER, USER)
    target = {
        "home": str(live.root / "home"),
        "state": str(live.root / "state"),
        "ready": str(live.root / "ready.json"),
        "loot": str(loot),
        "socket": live.facts["admin_socket"],
        "base_url": live.facts["base_url"],
        "pid": live.facts["pid"],
        "bearers": live.bearers,
        "agent_id": live.ids["agent"],
        "arguments": _harm(live),
        **chosen,
    }
    answer: dict[str, list[str]] = json.loads(_run(live.root, given=json.dumps(target), module="tests.e2e.same_user"))
    return answer


def _state(live: Live) -> dict[str, Any]:
    """Everything that deciding, granting, revealing or minting would change, as the person sees it."""
    permissions = live.call("get_agent_permissions", agent_id=live.ids["agent"])
    return {
        "keys": live.call("list_keys"),
        "agents": live.call("list_agents"),
        "grants": permissions,
        "connections": live.call("list_connections"),
        "credentials": live.call("list_credentials"),
        "passports": live.call("list_active_passports"),
        "intent": live.call("get_intent_approval", approval_id=live.ids["approval"])["status"],
        "decision": live.call("get_decision", approval_id=live.ids["decision"])["status"],
        "vault": live.call("get_health")["state"],
    }


GRAVE = ("intent.approve", "decision.approve", "key.create", "service.grant", "credential.retrieve", "vault.unlock")


def _done(live: Live) -> dict[str, int]:
    """How often each grave thing succeeded, by the audit log."""
    pages = {action: live.call("list_audit", limit=100, action=action)["entries"] for action in GRAVE}
    return {action: sum(entry["outcome"] == "success" for entry in page) for action, page in pages.items()}


def test_the_links_planted_at_the_ready_file_were_not_followed(live: Live) -> None:
    assert not (live.root / "ready.json").is_symlink()
    assert (live.root / "ready.json").stat().st_mode & 0o777 == 0o600
    opened = slots.open_with_passphrase(live.root / "home", Secret(PASSPHRASE), deriver=Deriver())
    assert opened.credential_key is not None


def test_everything_tried_without_the_passphrase_gains_nothing(live: Live) -> None:
    assert len(TRIES) >= 30
    before, done = _state(live), _done(live)
    gained = _attack(live, tries=[name for name in TRIES if name != ABORT])
    assert {name: what for name, what in gained.items() if what} == {}
    assert _state(live) == before
    assert _done(live) == done
    assert live.call("verify_audit_chain")["ok"] is True
    assert _leaks(live) == []


def _leaks(live: Live) -> list[str]:
    """Secrets in what the attacker could read."""
    keys = slots.open_with_passphrase(live.root / "home", Secret(PASSPHRASE), deriver=Deriver())
    assert keys.credential_key is not None
    secrets = {
        "credential": TOKEN,
        "passphrase": PASSPHRASE,
        "session": live.session,
        "database key": keys.database_key.reveal(),
        "credential key": keys.credential_key.reveal(),
        "recovery code": (live.root / "code").read_text().strip(),
    }
    found = {name: scan_tree(secret, live.root / "loot") for name, secret in secrets.items()}
    return [name for name, hits in found.items() if hits]


def test_an_aborted_process_leaves_no_core_and_starts_sealed(live: Live) -> None:
    assert _attack(live, tries=[ABORT]) == {ABORT: []}
    assert live.process.wait(20) < 0
    assert [path.name for path in live.root.rglob("core*")] == []
    again = _serve(live.root, is_unlocked=False)
    try:
        assert again.facts["state"] == "sealed"
        sealed = Live(live.root, again.process, again.facts, ids=live.ids, bearers=live.bearers)
        assert {name: what for name, what in _attack_sealed(sealed).items() if what} == {}
        assert sealed.call("get_health", bearer="")["state"] == "sealed"
    finally:
        _end(again)


def _attack_sealed(live: Live) -> dict[str, list[str]]:
    names = [name for name in TRIES if name.startswith(("decide", "ask", "put", "graft", "read a cred"))]
    return _attack(live, tries=names)
