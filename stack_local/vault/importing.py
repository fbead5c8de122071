"""Secrets that a person already has on this machine, read once to be put into the vault: `.env` files, and `gh`.

It stands here and not in the command, because the library that reads such files has one home and because whoever runs
another program for a secret does it by `programs`.
"""

import io
import re
from typing import NoReturn, Protocol

from dotenv.parser import Binding, parse_stream

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.vault.programs import Program

MAX_CHARACTERS = 64 * 1024
"""Of an `.env` file: more is another file by mistake."""

MAX_NAMES = 256
"""In an `.env` file."""

GITHUB = Program(
    "gh", "the GitHub command", re.compile(r"GH_[A-Z_]+|GITHUB_(?:ENTERPRISE_)?TOKEN"), "log in with `gh auth login`"
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


class Run(Protocol):
    """What runs a program for a secret: `Programs.run`."""

    async def __call__(self, program: Program, *arguments: str) -> Secret: ...


def read_env_file(text: str) -> dict[str, Secret]:
    """The variables of an `.env` file, as they are written: `$NAME` in a value stays as it is.

    Raises:
        InvalidRequest: a line is none, or a name stands twice; `line` says where; nothing of the file is repeated.
    """
    if len(text) > MAX_CHARACTERS:
        _refuse("the file is too long", f"at most {MAX_CHARACTERS} characters")
    found: dict[str, Secret] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            _refuse("a line of the file cannot be read", "NAME=value", binding)
        if binding.key is None:
            continue
        if not _NAME.fullmatch(binding.key) or binding.value is None:
            _refuse("a line of the file gives no name a value", "NAME=value", binding)
        if binding.key in found:
            _refuse("the file gives one name two values", "each name once", binding)
        found[binding.key] = Secret(binding.value)
        if len(found) > MAX_NAMES:
            _refuse("the file has too many names", f"at most {MAX_NAMES}")
    return found


async def gh_token(run: Run, *, host: str = "github.com") -> Secret:
    """The token that GitHub's own command holds for a host.

    Raises:
        InvalidRequest: the host is none.
        StackError: as `Programs.run`.
    """
    if not _HOST.fullmatch(host):
        raise InvalidRequest("the host is none", field="host", rule="a name without a port")
    return await run(GITHUB, "auth", "token", "--hostname", host)


def _refuse(message: str, rule: str, binding: Binding | None = None) -> NoReturn:
    line = None if binding is None else _line_of(binding)
    raise InvalidRequest(message, field="file", rule=rule, line=line)


def _line_of(binding: Binding) -> int:
    """Where its text begins: the library counts from the blank lines before it."""
    blank = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
    return binding.original.line + len(blank.splitlines())
