"""None of our own tokens leaves in a call, wherever in it it stands and however its body is cut."""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

import pytest

from stack_local.domain.calls import Call
from stack_local.domain.errors import Forbidden
from stack_local.domain.urls import parse_url
from stack_local.proxy.own_tokens import carries_own_token, without_own_tokens
from tests.domain.samples import CALL

KEY = "sk_live_" + "Ab-_" * 8
REFRESH = "sk_refresh_" + "Ab-_" * 8
SESSION = "sk_session_" + "Ab09" * 8
HEAD = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIiwidHlwIjoicHB0K2p3dCJ9"
PASSPORT = HEAD + ".e30.c2ln"
HOST = "https://api.example.com/"

PLACES = {
    "path": lambda token: replace(CALL, url=parse_url(f"{HOST}{token}/x")),
    "query": lambda token: replace(CALL, url=parse_url(f"{HOST}?key={token}")),
    "header": lambda token: replace(CALL, headers=(("prefer", f"x; {token}"),)),
    "second header": lambda token: replace(CALL, headers=(("accept", "x"), ("user-agent", token))),
    "content type": lambda token: replace(CALL, content_type=f"text/plain; x={token}"),
    "body": lambda token: replace(CALL, body=f'{{"a":"{token}"}}'.encode()),
    "bytes": lambda token: replace(CALL, content_type="image/png", body=b"\xff" + token.encode() + b"\0"),
}


@pytest.mark.parametrize(
    "token", [KEY, SESSION, PASSPORT, REFRESH], ids=["key", "session", "passport", "refresh token"]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_token_of_ours_is_seen_wherever_it_stands(place: str, token: str) -> None:
    assert carries_own_token(PLACES[place](token), [HEAD])


INNOCENT: list[tuple[str, Call]] = [
    ("an ordinary call", CALL),
    ("no body", replace(CALL, body=None)),
    ("the beginning alone", replace(CALL, body=b"sk_live_ and sk_session_")),
    ("another service's key", replace(CALL, body=b"sk_test_" + b"a" * 40)),
    ("another's token", replace(CALL, body=b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln")),
    ("parts in two places", replace(CALL, headers=(("accept", "sk_live_"), ("prefer", "a" * 30)))),
]


@pytest.mark.parametrize("call", [case[1] for case in INNOCENT], ids=[case[0] for case in INNOCENT])
def test_a_call_without_one_is_free(call: Call) -> None:
    assert not carries_own_token(call, [HEAD])
    assert not carries_own_token(call, [])


# A body as it comes --------------------------------------------------------------------------------------------------

TOKENS = {"key": KEY, "session": SESSION, "passport": PASSPORT, "refresh token": REFRESH}
AS_WRITTEN: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "escaped": lambda token: "".join(f"%{ord(letter):02X}" for letter in token).encode(),
    "escaped where it must": lambda token: quote(token, safe="").encode(),
}


async def passed(pieces: Iterable[bytes]) -> tuple[bytes, bool]:
    """What of a body leaves, and whether it is stopped."""

    async def source() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    left = b""
    try:
        async for piece in without_own_tokens(source(), [HEAD]):
            left += piece
    except Forbidden as refused:
        return left, refused.details["rule"] == "own_token"
    return left, False


@pytest.mark.parametrize("written", AS_WRITTEN)
@pytest.mark.parametrize("kind", TOKENS)
async def test_a_streamed_body_ends_before_the_secret_part_of_a_token_wherever_it_is_cut(
    kind: str, written: str
) -> None:
    token = AS_WRITTEN[written](TOKENS[kind])
    body = b"x" * 40 + token + b"y" * 40
    for size in (1, 2, 3, 7, 16, 39, 40, 41, 64, 500):
        left, is_stopped = await passed(body[at : at + size] for at in range(0, len(body), size))
        assert is_stopped
        assert len(left) - 40 < (len(token) if kind != "passport" else len(AS_WRITTEN[written](HEAD)))


async def test_a_token_behind_much_else_is_found() -> None:
    left, is_stopped = await passed([b"a" * 200_000, b"b" * 200_000 + KEY[:9].encode(), KEY[9:].encode()])
    assert (len(left), is_stopped) == (400_009, True)


@pytest.mark.parametrize("body", [b"", b"sk_live_ is how they begin", bytes(range(256)) * 9, b"100% %7 %zz"])
async def test_a_streamed_body_without_one_leaves_as_it_is(body: bytes) -> None:
    assert await passed([body[:5], body[5:6], b"", body[6:]]) == (body, False)


async def test_the_source_is_closed_with_the_body() -> None:
    closed = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            yield KEY.encode()
            yield b"more"
        finally:
            closed.append(True)

    with pytest.raises(Forbidden):
        await anext(without_own_tokens(source(), []))
    assert closed == [True]
