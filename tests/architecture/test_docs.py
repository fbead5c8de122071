"""The generated pages equal what the code says, and the commands that README.md and the examples show exist."""

import re
from pathlib import Path

import pytest

from stack_local.surfaces.cli.launch import Launch
from stack_local.surfaces.cli.root import build
from stack_local.surfaces.docs import ENVIRONMENT, stale_pages
from tests.architecture.sources import ROOT, repository, shipped, text_of

README = text_of(Path("README.md"))
EXAMPLES = text_of(Path("docs/examples/README.md"))
SHOWN = sorted(set(re.findall(r"^(?:\$ )?(?:\.venv/bin/)?stack-local ?(.*)$", README + EXAMPLES, flags=re.MULTILINE)))
"""Each `stack-local …` that stands at the beginning of a line."""

PAGES = sorted(path for path in repository() if path.suffix == ".md")

ADR_PARTS = ("## Context", "## Decision", "## Consequences", "### Negative")


def test_the_generated_pages_are_fresh() -> None:
    assert stale_pages(ROOT / "docs") == []


def test_every_variable_that_is_read_is_on_the_settings_page() -> None:
    read = {name for path in shipped() for name in re.findall(r'"(STACK_LOCAL_[A-Z_]+)"', text_of(path))}
    assert read == set(ENVIRONMENT)


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_of_the_readme_exists_with_its_options(line: str) -> None:
    words = line.split("#", maxsplit=1)[0].split()
    command = build(_NOTHING)
    names = [word for word in words if not word.startswith("-")]
    while names and hasattr(command, "get_command"):
        found = command.get_command(None, names.pop(0))
        assert found is not None
        command = found
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


def test_a_target_of_the_readme_is_one_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(Path("Makefile")), flags=re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", README, flags=re.MULTILINE)) <= targets


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    fenced = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    assert "make test\n" in fenced
    assert "\nmake test\n" in text_of(Path(".ci/run"))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_link_of_a_page_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text_of(page))
    assert [target for target in targets if not (ROOT / page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "adr"], ids=str)
def test_a_decision_record_says_its_negative_consequences(page: Path) -> None:
    assert [part for part in ADR_PARTS if part not in text_of(page)] == []


class _NoLaunch:
    """Nothing is started by looking a command up."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


_NOTHING: Launch = _NoLaunch()  # type: ignore[assignment]  # only looked through
