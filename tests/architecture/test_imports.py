"""Who may import whom: the contracts of pyproject.toml, and what a contract of denials cannot say."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter import cli

from tests.architecture.sources import PACKAGES, ROOT, files_under, imports_of, shipped

DOMAIN_MAY = frozenset(
    {
        "base64",
        "collections",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "functools",
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "re",
        "types",
        "typing",
        "unicodedata",
        "urllib",
        "stack_local",
    }
)
"""Values, text, numbers and digests. No clock, no randomness, no I/O, no async, nothing to install."""

TUI_MAY = frozenset({"client", "domain", "system", "wire"})
PLUGINS_MAY = frozenset({"domain", "plugin_api"})
"""The parts of `stack_local` that each sees."""

DISTRIBUTION_OF = {
    "mcp_types": "mcp",
    "rich": "textual",
    "joserfc": "authlib",
    "dotenv": "python-dotenv",
    "re2": "google-re2",
}
"""A module that comes with a package of another name, which is it or pins it."""

COMPOSITION = "stack_local/demo"
"""It plays an agent with what the `dev` extra installs."""

DOORS = {"quart", "hypercorn", "mcp", "textual", "sqlcipher3", "httpx", "cryptography", "keyring"}


def test_every_import_contract_holds(tmp_path: Path) -> None:
    found = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=str(tmp_path))
    assert found == cli.EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("path", files_under("stack_local/domain"), ids=str)
def test_the_domain_imports_only_what_is_pure(path: Path) -> None:
    assert {module.partition(".")[0] for module in imports_of(path)} <= DOMAIN_MAY
    assert not [m for m in imports_of(path) if m.startswith("urllib.") and not m.startswith("urllib.parse")]
    parts = {m.split(".")[1] for m in imports_of(path) if m.startswith("stack_local.")}
    assert parts <= {"domain"}


@pytest.mark.parametrize(("package", "allowed"), [("tui", TUI_MAY), ("plugins", PLUGINS_MAY)])
def test_screen_and_plugins_import_only_the_parts_listed(package: str, allowed: frozenset[str]) -> None:
    reached = {
        (str(path), module)
        for path in files_under(package)
        for module in imports_of(path)
        if module.startswith("stack_local.") and module.split(".")[1] not in allowed
    }
    assert not reached


def test_importing_the_wire_loads_no_door() -> None:
    program = "import stack_local.wire, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not DOORS & set(loaded.stdout.split())


def test_importing_the_server_does_not_wait_for_the_sdk_of_mcp() -> None:
    program = "import stack_local.server, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "mcp" not in loaded.stdout.split()


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {name.split(">")[0].split("=")[0].strip() for name in project["dependencies"]}
    imported = {
        DISTRIBUTION_OF.get(top, top)
        for path in shipped()
        if not path.is_relative_to(COMPOSITION)
        for top in {module.partition(".")[0] for module in imports_of(path)}
        if top not in sys.stdlib_module_names and top not in PACKAGES
    }
    assert imported == declared
