"""The leak table: every encoding in which a service may reflect a credential, in every place, and what no search finds.

`docs/threat-model.md` says the second half; test_leak_table.py holds that both say the same.
"""

import base64
import bz2
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from stack_local.domain.secrets import Secret
from stack_local.proxy.scrub import SHORTEST, Scrubber
from tests.simulators.leakscan import scan_bytes
from tests.simulators.upstream_routes import REFLECTIONS

SECRETS = {
    "eight characters": "a1B2c3D4",
    "a token": "upstream-secret-9f8e7d6c5b4a",
    "all signs": "tok/en+With=all: %of\"signs\\<&'>-7f3c",
}
"""By what is special about each."""

LONG = "Ab3/+" * 400
"""As long as a credential gets; cut in few places only, or the table would take hours."""

AROUND = {
    "text": (b"before ", b" after"),
    "a JSON value": (b'{"echo": "', b'", "after": true}'),
    "a JSON name": (b'{"', b'": 1}'),
    "HTML": (b"<pre>token: ", b"</pre>\n"),
    "an event": (b"data: ", b"\n\ndata: after\n\n"),
    "a part of a form": (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', b"\r\n--x--\r\n"),
    "a URL": (b"https://h.example/?a=1&key=", b"&b=2"),
    "noise": (b"\xff%2\\u00&#1", b"\xfe\x80"),
}
"""What stands on both sides of it in a body."""

SLICE_BYTES = 8
"""So much of an echo in one piece is a leak. Less is what base64 makes of the secret and its neighbors together."""


def left(secret: str, echo: bytes, given: bytes) -> list[bytes]:
    """What of the secret is in what was given: parts of this echo, or any encoding that the scanner knows."""
    return parts_left(echo, given) + [name.encode() for name in scan_bytes(secret, given)]


def parts_left(echo: bytes, given: bytes, *, size: int = SLICE_BYTES) -> list[bytes]:
    """So long parts of the echo; in much hexadecimal, short ones are there by chance."""
    told = echo.strip(b"=\r\n ")
    parts = (told[at : at + size] for at in range(len(told) - size + 1))
    return [part for part in parts if part in given]


@cache
def scrubber_of(secret: str) -> Scrubber:
    return Scrubber([Secret(secret)])


def _all_of_it(secret: str) -> str:
    return secret


@dataclass(frozen=True, slots=True)
class Limit:
    """What passes: how a service that wants to tell says the secret, and how one who knows that reads it."""

    title: str
    """As it stands in the document."""
    told: Callable[[str], list[bytes]]
    """The pieces of one answer, or the answers."""
    read: Callable[[bytes], bytes]
    """From all that was passed on."""
    are_answers: bool = False
    learned: Callable[[str], str] = _all_of_it
    """What is read then."""


def _reflected(name: str) -> Callable[[str], list[bytes]]:
    return lambda secret: [REFLECTIONS[name](secret)]


def _letters(secret: str) -> list[bytes]:
    return [letter.encode() for letter in secret]


LIMITS = {
    "bz2-base64": Limit(
        "compressed within the body", _reflected("bz2-base64"), lambda given: bz2.decompress(base64.b64decode(given))
    ),
    "xor": Limit(
        "encrypted, or changed by a rule",
        _reflected("xor"),
        lambda given: bytes(byte ^ 1 for byte in bytes.fromhex(given.decode())),
    ),
    "base85": Limit("in an alphabet that is not listed", _reflected("base85"), base64.b85decode),
    "base64-of-hex": Limit(
        "in one encoding within another",
        _reflected("base64-of-hex"),
        lambda given: bytes.fromhex(base64.b64decode(given).decode()),
    ),
    "dotted": Limit("parted by other text", _reflected("dotted"), lambda given: given.replace(b".", b"")),
    "deltas": Limit(
        "parted by other text",
        lambda secret: [b'data: {"delta": "%b"}\n\n' % letter for letter in _letters(secret)],
        lambda given: b"".join(re.findall(rb'"delta": "(.)"', given)),
    ),
    "half of it": Limit(
        "in part",
        lambda secret: [secret[: len(secret) // 2].encode(), b"\n--"],
        lambda given: given[:-3],
        learned=lambda secret: secret[: len(secret) // 2],
    ),
    "the first characters": Limit(
        "in a stream: its first five characters",
        lambda secret: [b"%b\n\n" % letter for letter in _letters(secret)],
        lambda given: given.replace(b"\n", b"")[: SHORTEST - 1],
        learned=lambda secret: secret[: SHORTEST - 1],
    ),
    "letter by letter": Limit("over several answers", _letters, bytes, are_answers=True),
    "lengths": Limit(
        "without being said",
        lambda secret: [b"x" * byte + b"\n" for byte in secret.encode()],
        lambda given: bytes(map(len, given.splitlines())),
        are_answers=True,
    ),
    "behind half an escape": Limit(
        "escaped in part, behind half an escape",
        lambda secret: [b"%2", secret.encode().hex().encode().replace(b"75", b"7%35")],
        lambda given: bytes.fromhex(unquote(given.removeprefix(b"%2").decode())),
    ),
}
"""By the encoding, where it has a name at the simulated service."""

SCRUBBED = tuple(name for name in REFLECTIONS if name not in LIMITS)
"""The encodings that are taken out wherever they stand."""
