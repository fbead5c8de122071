"""What an appliance may answer to a log-in, and what answers in its place: tables of replies and outcomes."""

from collections.abc import Mapping
from typing import Any

import pytest

from stack_local.client import FormAnswer
from stack_local.domain.errors import Forbidden, InvalidRequest, StackError, Unauthorized, Unavailable
from stack_local.surfaces.cli.device_login import log_in
from stack_local.surfaces.cli.shell import Shell
from tests.simulators.clock import TestSystem

BEGUN: dict[str, object] = {"device_code": "dev", "user_code": "BCDF-2345", "expires_in": 600, "interval": 2}
TOKENS: dict[str, object] = {"refresh_token": "r", "refresh_token_expires_in": 60, "scope": "proxy:read"}

Script = list[tuple[int, Mapping[str, object]]]


class Scripted:
    """Answers one form after the other; the last answer repeats."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def post(self, path: str, form: Mapping[str, Any]) -> FormAnswer:
        self.asked.append((path, form))
        status, members = self._script[min(len(self.asked), len(self._script)) - 1]
        return FormAnswer(status, members)


async def pauses_of(script: Script) -> list[float]:
    """Log in over this script; how long was waited before each poll."""
    system, pauses = TestSystem(), []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        system.advance(seconds)

    shell = Shell(launch=None, is_terminal=lambda: False, system=system, pause=pause)  # type: ignore[arg-type]
    await log_in(shell, Scripted(script), scope=None)  # type: ignore[arg-type]
    return pauses


def error(code: str) -> tuple[int, dict[str, object]]:
    return 400, {"error": code}


POLLS: dict[str, tuple[Script, list[float]]] = {
    "at once": ([(200, BEGUN), (200, TOKENS)], [2]),
    "after a wait": ([(200, BEGUN), error("authorization_pending"), (200, TOKENS)], [2, 2]),
    "slower when told so": (
        [(200, BEGUN), error("slow_down"), error("slow_down"), error("authorization_pending"), (200, TOKENS)],
        [2, 7, 12, 12],
    ),
    "past a vault that is sealed for a while": (
        [(200, BEGUN), (503, {"error": "temporarily_unavailable"}), (200, TOKENS)],
        [2, 2],
    ),
    "at the usual interval where none is named": (
        [(200, {name: value for name, value in BEGUN.items() if name != "interval"}), (200, TOKENS)],
        [5],
    ),
}


@pytest.mark.parametrize(("script", "pauses"), POLLS.values(), ids=POLLS)
async def test_it_polls(script: Script, pauses: list[float]) -> None:
    assert await pauses_of(script) == pauses


ENDS: dict[str, tuple[Script, type[StackError]]] = {
    "never decided": ([(200, BEGUN), error("authorization_pending")], Unauthorized),
    "expired": ([(200, BEGUN), error("expired_token")], Unauthorized),
    "refused": ([(200, BEGUN), error("access_denied")], Forbidden),
    "taken back": ([(200, BEGUN), error("invalid_grant")], Unauthorized),
    "not our client": ([error("invalid_client")], InvalidRequest),
    "sealed": ([(503, {"error": "temporarily_unavailable"})], Unavailable),
    "an error without a word": ([(500, {})], InvalidRequest),
    "nothing": ([(200, {})], Unavailable),
    "no user code": ([(200, {**BEGUN, "user_code": ""})], Unavailable),
    "an interval of nothing": ([(200, {**BEGUN, "interval": 0})], Unavailable),
    "an interval without end": ([(200, {**BEGUN, "interval": 10**9})], Unavailable),
    "a lifetime that is no number": ([(200, {**BEGUN, "expires_in": "600"})], Unavailable),
    "a lifetime that is true": ([(200, {**BEGUN, "expires_in": True})], Unavailable),
    "tokens without a refresh token": ([(200, BEGUN), (200, {**TOKENS, "refresh_token": None})], Unavailable),
    "tokens without their end": ([(200, BEGUN), (200, {**TOKENS, "refresh_token_expires_in": -1})], Unavailable),
}


@pytest.mark.parametrize(("script", "kind"), ENDS.values(), ids=ENDS)
async def test_it_ends(script: Script, kind: type[StackError]) -> None:
    with pytest.raises(kind):
        await pauses_of(script)


async def test_a_code_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    await pauses_of([(200, {**BEGUN, "user_code": "\x1b[2JBC"}), (200, TOKENS)])
    assert "\x1b" not in capsys.readouterr().err
