"""What is read from an `.env` file, and from GitHub's own command."""

from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.vault import importing
from stack_local.vault.importing import gh_token, read_env_file
from stack_local.vault.programs import Programs
from tests.vault.scripts import Scripts, scripts_in


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("nothing", "", {}),
        ("a name and a value", "A=b", {"A": "b"}),
        ("several", "A=b\nC=d\n", {"A": "b", "C": "d"}),
        ("line breaks of Windows", "A=b\r\nC=d\r\n", {"A": "b", "C": "d"}),
        ("a byte order mark", "\ufeffA=b", {"A": "b"}),
        ("blank lines", "\n\n  \nA=b\n\n", {"A": "b"}),
        ("a comment", "# A=b\nC=d", {"C": "d"}),
        ("a comment behind a value", "A=b # c", {"A": "b"}),
        ("a mark that is no comment", "A=b#c", {"A": "b#c"}),
        ("a comment behind quotes", "A='b' # c", {"A": "b"}),
        ("export", "export A=b", {"A": "b"}),
        ("blanks around the sign", "A = b", {"A": "b"}),
        ("blanks at the ends", "  A=b  ", {"A": "b"}),
        ("no value", "A=", {"A": ""}),
        ("a value with signs", "A=b=c==", {"A": "b=c=="}),
        ("single quotes", "A='b c'", {"A": "b c"}),
        ("double quotes", 'A="b c"', {"A": "b c"}),
        ("a mark in quotes", 'A="b # c"', {"A": "b # c"}),
        ("quotes in quotes", "A='b \"c\"'", {"A": 'b "c"'}),
        ("an escape in double quotes", 'A="b\\nc"', {"A": "b\nc"}),
        ("an escape in single quotes", "A='b\\nc'", {"A": "b\\nc"}),
        ("an escape without quotes", "A=b\\nc", {"A": "b\\nc"}),
        ("lines in quotes", 'A="-----\nkey\n-----"\nB=c', {"A": "-----\nkey\n-----", "B": "c"}),
        ("a variable that is not expanded", "A=b\nC=$A${A}", {"A": "b", "C": "$A${A}"}),
        ("one of the environment", 'A="${HOME}"', {"A": "${HOME}"}),
        ("a command that is not run", "A=$(id)`id`", {"A": "$(id)`id`"}),
        ("another script", "A=пароль", {"A": "пароль"}),
        ("names that differ in case", "a=b\nA=c", {"a": "b", "A": "c"}),
    ],
)
def test_an_env_file_says_what_it_says(name: str, text: str, found: dict[str, str]) -> None:
    assert read_env_file(text) == {key: Secret(value) for key, value in found.items()}, name


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a name twice", "A=b\nC=d\nA=hidden", 3),
        ("a name twice with one value", "A=b\n\n\nexport A=b", 4),
        ("a name without a value", "A=b\nhidden", 2),
        ("a bare token", "hidden", 1),
        ("a name in quotes", "'A B'=hidden", 1),
        ("a name with a hyphen", "A-B=hidden", 1),
        ("a name that begins with a digit", "1A=hidden", 1),
        ("a name in another script", "ключ=hidden", 1),
        ("two names", "A B=hidden", 1),
        ("a quote that is not closed", "A='hidden", 1),
        ("words behind a quote", "A='hidden' more", 1),
        ("JSON", '{"hidden": 1}', 1),
        ("a value without a name", "=hidden", 1),
        ("a name too long", "A" * 129 + "=hidden", 1),
    ],
)
def test_a_line_that_is_none_is_refused_by_its_number_without_its_text(name: str, text: str, line: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_env_file(text)
    assert (refused.value.details["field"], refused.value.details["line"]) == ("file", line), name
    assert "hidden" not in f"{refused.value} {refused.value.details}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A=" + "b" * importing.MAX_CHARACTERS, id="too long"),
        pytest.param("".join(f"A{at}=b\n" for at in range(importing.MAX_NAMES + 1)), id="too many names"),
    ],
)
def test_a_file_beyond_its_limits_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_env_file(text)
    assert refused.value.details["field"] == "file"


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return scripts_in(tmp_path)


async def test_githubs_command_is_asked_for_its_token(scripts: Scripts) -> None:
    scripts.recording("gh", printed="gho_0123456789")
    given = {"GH_CONFIG_DIR": "/c", "GITHUB_TOKEN": "1", "BW_SESSION": "2"}
    assert await gh_token(Programs(scripts.environment | given).run) == Secret("gho_0123456789")
    assert scripts.argv == ["auth", "token", "--hostname", "github.com"]
    assert scripts.given == scripts.environment | {"GH_CONFIG_DIR": "/c", "GITHUB_TOKEN": "1"}


async def test_an_enterprise_is_asked_for_by_its_host(scripts: Scripts) -> None:
    scripts.recording("gh", printed="gho_0123456789")
    await gh_token(Programs(scripts.environment).run, host="github.example.com")
    assert scripts.argv[-1] == "github.example.com"


@pytest.mark.parametrize("host", ["", "--help", "a b", "github.com\n", "https://github.com"])
async def test_a_host_that_is_none_is_not_asked_for(scripts: Scripts, host: str) -> None:
    scripts.recording("gh", printed="gho_0123456789")
    with pytest.raises(InvalidRequest):
        await gh_token(Programs(scripts.environment).run, host=host)
    assert scripts.times == 0


async def test_who_is_not_logged_in_is_told_how(scripts: Scripts) -> None:
    scripts.write("gh", "echo 'no oauth token found for github.com' >&2\nexit 1")
    with pytest.raises(UpstreamFailed) as failed:
        await gh_token(Programs(scripts.environment).run)
    assert failed.value.details["said"] == "no oauth token found for github.com"
