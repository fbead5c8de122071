"""Hardening changes the whole process, so each test asks a child."""

import os
import subprocess
import sys

import pytest

ROOT = os.getcwd()


def child(script: str, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=20, check=True
    )
    return finished.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hide memory")
def test_on_linux_everything_holds() -> None:
    script = """
import os, resource
from stack_local.vault.hardening import harden
print(harden())
print(resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))
"""
    held, limits = child(script).splitlines()
    assert held == "Hardening(memory_is_private=True, core_dumps_are_off=True, files_are_private=True)"
    assert limits == "(0, 0) 0o77"


def test_elsewhere_what_does_not_hold_is_said() -> None:
    script = """
import sys
sys.platform = "darwin"
from stack_local.vault.hardening import harden
print(harden().memory_is_private)
"""
    assert child(script) == "False"


def test_reexec_is_the_same_process_with_another_image() -> None:
    script = """
import os, sys
from stack_local.vault.hardening import reexec
print(os.getpid(), flush=True)
code = "import os, sys; print(os.getpid(), sys.argv[1:], dict(os.environ).get('ONLY'))"
reexec([sys.executable, "-c", code, "--sealed"], {"ONLY": "this"})
"""
    before, after = child(script).splitlines()
    assert after == f"{before} ['--sealed'] this"
