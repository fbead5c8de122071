"""A lock names versions and hashes; no file names a package index, a mirror or a folder of one machine."""

import json
import re
from pathlib import Path

import pytest

from tests.architecture.sources import repository, text_of

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-package.lock", "requirements-node.lock")

PIN = re.compile(
    r"^[a-z0-9-]+==[\w.]+( ; [^#@/\\]+)? \\$"  # a package at one version, with its marker
    r"|^    --hash=sha256:[0-9a-f]{64}( \\)?$"
)

FORBIDDEN = re.compile(
    r"index[-_]url|find[-_]links|files\.pythonhosted|pypi\.org/[s]imple|(?<![\w.~-])/(root|work|opt)/(?!\|)"
)
"""The command line of an index, the public index itself, and folders of the machines we build on."""

BINARY = frozenset({".png", ".gif", ".db", ".der", ".bin"})

ALLOWED = {
    "Makefile": "it asks for a lock without them: --no-emit-index-url, --no-emit-find-links",
    "tests/architecture/test_no_addresses.py": "the pattern itself",
}
"""File to reason."""


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(name: str) -> None:
    strange = [line for line in text_of(Path(name)).splitlines() if not PIN.match(line)]
    assert not strange


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_of_a_lock_has_a_hash(name: str) -> None:
    blocks = re.split(r"^(?=\S)", text_of(Path(name)), flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


def test_every_package_from_npm_is_named_at_one_version_and_no_lock_of_npm_is_kept() -> None:
    manifests = [path for path in repository() if path.name == "package.json"]
    versions = {version for path in manifests for version in json.loads(text_of(path))["dependencies"].values()}
    assert versions
    assert not [version for version in versions if not version[0].isdigit()]
    assert not [path for path in repository() if path.name == "package-lock.json"]


def test_no_file_names_an_index_or_a_place_on_one_machine() -> None:
    naming = {
        f"{path}:{number}"
        for path in repository()
        if path.suffix not in BINARY and str(path) not in ALLOWED
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if FORBIDDEN.search(line)
    }
    assert not naming


def test_no_lock_of_a_tool_is_kept() -> None:
    assert not {path.name for path in repository()} & {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}
