"""What an agent gets of an answer: the headers it may see, a scrubbed body, and the parts it asked for."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from stack_local.domain.canonical import read_json
from stack_local.domain.errors import InvalidRequest
from stack_local.egress.client import InboundResponse
from stack_local.proxy.scrub import Scrubber
from stack_local.wire.proxy import Cut, ProxyResponse
from stack_local.wire.types import JsonBody

VISIBLE_HEADERS = frozenset(
    {
        "content-type",
        "content-language",
        "date",
        "etag",
        "last-modified",
        "link",
        "location",
        "retry-after",
        "x-request-id",
    }
)
"""Response headers an agent sees (security-cases D.4), besides those of rate limits."""

_RATE_PREFIXES = ("ratelimit", "x-ratelimit-")


@dataclass(frozen=True, slots=True)
class Kept:
    """A scrubbed answer, as it is kept sealed and shown."""

    status: int
    headers: dict[str, str]
    body: bytes
    redacted: bool
    is_whole: bool = True
    """Not where it was passed on and is too long to be kept, or was cut short; then `body` is empty."""
    passed_bytes: int = 0
    """Of an answer that is not kept: how much of it was passed on."""
    suspicion: str | None = None
    """What in it looks like an order to an agent, in words."""

    def encode(self) -> bytes:
        """For sealing."""
        body = base64.b64encode(self.body).decode()
        return json.dumps(
            {"s": self.status, "h": self.headers, "b": body, "r": self.redacted, "x": self.suspicion}
        ).encode()

    @classmethod
    def decode(cls, raw: bytes) -> "Kept":
        """The answer that `encode` gave."""
        fields = json.loads(raw)
        return cls(fields["s"], fields["h"], base64.b64decode(fields["b"]), fields["r"], suspicion=fields.get("x"))


def scrubbed(response: InboundResponse, scrubber: Scrubber) -> Kept:
    """The answer without the credential; what is not visible is not looked at further.

    A header whose name holds the credential is left out.
    """
    body, redacted = scrubber.clean(response.body)
    headers = {}
    for name, value in response.headers:
        lowered = name.lower()
        if lowered.startswith(_RATE_PREFIXES) and scrubber.clean_text(lowered)[1]:
            redacted = True
        elif lowered in VISIBLE_HEADERS or lowered.startswith(_RATE_PREFIXES):
            headers[lowered], was_there = scrubber.clean_text(value)
            redacted = redacted or was_there
    return Kept(response.status, headers, body, redacted)


HIDDEN_HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "alt-svc",
        "authentication-info",
        "clear-site-data",
        "nel",
        "refresh",
        "report-to",
        "set-cookie",
        "strict-transport-security",
        "www-authenticate",
    }
)
"""Response headers that a program behind `/p/` does not get: state, authentication, and orders to a browser."""


def forwarded_headers(headers: Sequence[tuple[str, str]], scrubber: Scrubber) -> tuple[dict[str, str], bool]:
    """The headers of an answer as a program behind `/p/` gets them, and whether the credential was in one.

    What stands several times is joined as a list (RFC 9110, section 5.3).
    """
    passed: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered not in HIDDEN_HEADERS:
            passed[lowered] = f"{passed[lowered]}, {value}" if lowered in passed else value
    if not scrubber.clean_text("\n".join([*passed, *passed.values()]))[1]:
        return passed, False
    named = {name: value for name, value in passed.items() if not scrubber.clean_text(name)[1]}
    return {name: scrubber.clean_text(value)[0] for name, value in named.items()}, True


def shown(
    kept: Kept,
    *,
    operation_id: str,
    approval_id: str | None = None,
    select: Sequence[str] | None = None,
    offset: int = 0,
    max_chars: int | None = None,
    replayed: bool = False,
) -> ProxyResponse:
    """The answer as an agent sees it: selected, cut and marked."""
    body, cut = _cut(_selected(_body(kept), select), offset, max_chars)
    return ProxyResponse(
        status=kept.status,
        headers=kept.headers,
        body=body,
        operation_id=operation_id,
        approval_id=approval_id,
        redacted=kept.redacted,
        suspicion=kept.suspicion,
        cut=cut,
        replayed=replayed,
    )


def _body(kept: Kept) -> JsonBody:
    if not kept.body:
        return None
    try:
        text = kept.body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(kept.body).decode()}
    if "json" not in kept.headers.get("content-type", ""):
        return text
    try:
        return read_json(kept.body)  # type: ignore[return-value]  # without kept numbers it is plain JSON
    except InvalidRequest:
        # What is not strict JSON is given as the text it is: an upstream cannot break our own answer.
        return text


def _selected(body: JsonBody, select: Sequence[str] | None) -> JsonBody:
    if select is None or not isinstance(body, dict | list):
        return body
    return {path: _at(body, path) for path in select}


def _at(body: JsonBody, path: str) -> JsonBody:
    """The value at a dotted path; None where there is none."""
    value = body
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _cut(body: JsonBody, offset: int, max_chars: int | None) -> tuple[JsonBody, Cut | None]:
    if max_chars is None and offset == 0:
        return body, None
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    end = len(text) if max_chars is None else offset + max_chars
    if offset == 0 and end >= len(text):
        return body, None
    following = end if end < len(text) else None
    return text[offset:end], Cut(total_chars=len(text), offset=offset, next_offset=following)
