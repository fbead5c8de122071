"""Runs each frozen build with no Python on the path: version, self-test, first healthy answer; prints what it took."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BARE = {"PATH": "/nowhere", "LANG": "C.UTF-8", "TERM": "xterm"}
"""An environment without Python: what is not in the bundle is not there."""

MEBIBYTE = 1024 * 1024


def main(builds: list[str]) -> int:
    """Verify each build; 0 when all are well."""
    for build in builds:
        path = Path(build).resolve()
        print(f"{path.name}: {size_of(path) / MEBIBYTE:.0f} MiB")
        print(f"  --version in {timed([str(path), '--version']):.2f} s")
        subprocess.run([str(path), "self-test"], env=BARE | home_variables(), check=True)
        print(f"  first healthy answer after {time_to_healthy(path):.2f} s")
    return 0


def size_of(path: Path) -> int:
    """Bytes of a one-file build, or of the directory around a one-directory build."""
    if path.parent.name != path.name:
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())


def timed(command: list[str]) -> float:
    """Seconds of the second run: the first one warms the disk."""
    for _ in range(2):
        started = time.monotonic()
        subprocess.run(command, env=BARE, check=True, capture_output=True)
        seconds = time.monotonic() - started
    return seconds


def home_variables() -> dict[str, str]:
    """A home that nobody else has."""
    folder = tempfile.mkdtemp()
    return {"HOME": folder, "STACK_LOCAL_STATE": f"{folder}/state"}


def time_to_healthy(path: Path) -> float:
    """Seconds from the start of `serve` on a sealed vault to its first healthy answer."""
    variables = home_variables()
    home = Path(variables["HOME"])
    passphrase = home / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple")
    base = [str(path), "--home", str(home / "vault")]
    recovery = ["--recovery-file", str(home / "recovery")]
    environment = BARE | variables
    subprocess.run(
        [*base, "init", "--passphrase-file", str(passphrase), *recovery, "--json"],
        env=environment,
        check=True,
        capture_output=True,
    )
    started = time.monotonic()
    server = subprocess.Popen([*base, "serve", "--port", "7899"], env=environment, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - started < 30:
            try:
                with urllib.request.urlopen("http://127.0.0.1:7899/healthz", timeout=1) as answer:
                    assert json.load(answer)["ok"]
                    return time.monotonic() - started
            except OSError:
                time.sleep(0.01)
        raise SystemExit("no healthy answer within 30 seconds")
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
