"""A proposed call: exactly the request that would leave, without the credential, and how two calls compare."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote_plus

from stack_local.domain.canonical import Json, canonical, first_difference, read_json, write_json
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import Url, parse_url

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""What the proxy forwards."""

READING_METHODS = frozenset({"GET", "HEAD"})
"""What reads on a custom service (house decision 4)."""

MAX_BODY_BYTES = 10_000_000
"""Bytes of a request body."""

MAX_HEADER_CHARACTERS = 8192
"""Characters of one header's value."""

STRIPPED_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
"""An agent's own authentication is dropped, never forwarded: the appliance brings the credential."""

ALLOWED_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "prefer",
        "user-agent",
    }
)
"""Headers any agent may set (security-cases D.4); everything else is refused by name."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it will be sent. Everything here is bound by an approval (house decision 6)."""

    connection_id: str
    connection_version: int
    credential_version: int
    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    """Lower-case names in order, without `content-type`."""
    content_type: str | None = None
    body: bytes | None = None
    """None is an absent body; empty bytes are an empty one."""
    is_streamed: bool = False
    """The body goes out as it comes, and nobody has seen it: nothing that binds a body can allow this call."""

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form of every bound field."""
        return hashlib.sha256(canonical(self.shape())).hexdigest()

    @property
    def body_digest(self) -> str | None:
        """SHA-256 of the body's bytes."""
        return None if self.body is None else hashlib.sha256(self.body).hexdigest()

    @property
    def is_json(self) -> bool:
        """Whether the body is compared as a tree."""
        return _is_json(self.content_type)

    def shape(self) -> Json:
        """The bound fields as a tree; the body by its digest."""
        return {
            "connection_id": self.connection_id,
            "connection_version": self.connection_version,
            "credential_version": self.credential_version,
            "method": self.method,
            "scheme": self.url.scheme,
            "host": self.url.host,
            "port": self.url.port,
            "path": self.url.raw_path,
            "query": self.url.raw_query,
            "headers": [[name, value] for name, value in self.headers],
            "content_type": self.content_type,
            "body_sha256": "streamed" if self.is_streamed else self.body_digest,
        }


def first_mismatch(approved: Call, attempted: Call) -> str | None:
    """The first bound field in which an attempted call differs from the approved one; None when equal."""
    approved_fields, attempted_fields = _plain_fields(approved), _plain_fields(attempted)
    for name, value in approved_fields.items():
        if attempted_fields[name] != value:
            return name
    return _header_mismatch(approved, attempted) or _body_mismatch(approved, attempted)


def _plain_fields(call: Call) -> dict[str, object]:
    return {
        "service": call.connection_id,
        "connection version": call.connection_version,
        "credential version": call.credential_version,
        "method": call.method,
        "url.scheme": call.url.scheme,
        "url.host": call.url.host,
        "url.port": call.url.port,
        "url.path": call.url.raw_path,
        "url.query": call.url.raw_query,
        "headers.content-type": call.content_type,
    }


def _header_mismatch(approved: Call, attempted: Call) -> str | None:
    left, right = dict(approved.headers), dict(attempted.headers)
    return next(
        (f"headers.{name}" for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)), None
    )


def _body_mismatch(approved: Call, attempted: Call) -> str | None:
    if approved.is_streamed or attempted.is_streamed:
        return "body"
    if approved.body == attempted.body:
        return None
    if approved.body is None or attempted.body is None or not approved.is_json:
        return "body"
    try:
        approved_tree = read_json(approved.body, keep_numbers=True)
        attempted_tree = read_json(attempted.body, keep_numbers=True)
    except InvalidRequest:
        return "body"
    return first_difference(approved_tree, attempted_tree)


@dataclass(frozen=True, slots=True)
class SendingRules:
    """What a connection says of the form of its calls."""

    injected_headers: frozenset[str] = frozenset()
    """Lower-case names that the appliance alone sets."""
    injected_query: str | None = None
    headers: frozenset[str] = frozenset()
    """What an agent may set here besides ALLOWED_HEADERS."""
    default_headers: tuple[tuple[str, str], ...] = ()
    """Sent where the agent sets none of that name."""


def propose(
    *,
    connection_id: str,
    connection_version: int,
    credential_version: int,
    rules: SendingRules,
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str | Sequence[str]],
    body: Json,
) -> Call:
    """The exact call an agent's arguments describe.

    Raises:
        InvalidRequest: a field breaks a rule of form; nothing was recorded or sent.
    """
    if method not in METHODS:
        raise InvalidRequest("the method is not one we forward", field="method", rule="one of " + ", ".join(METHODS))
    parsed = _with_query(parse_url(url), query)
    _refuse_query_names(parsed, rules.injected_query)
    named, content_type = _named_headers(headers, rules)
    sent_body, sent_type = _encoded_body(body, content_type)
    return Call(
        connection_id=connection_id,
        connection_version=connection_version,
        credential_version=credential_version,
        method=method,
        url=parsed,
        headers=named,
        content_type=sent_type,
        body=sent_body,
    )


@dataclass(frozen=True, slots=True)
class Body:
    """A request body as it came, or the word that it is still coming."""

    raw: bytes | None
    is_streamed: bool = False


def forwarded(
    rules: SendingRules,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Body,
    *,
    of: tuple[str, int, int],
) -> Call:
    """The exact call of a request that a program sent to `/p/`; `of` is connection, its version, its credential's.

    Its bytes stay as they are. Headers that may not be set are dropped and not refused: programs send many.

    Raises:
        InvalidRequest: the method, the URL or a value breaks a rule of form, or a JSON body is not JSON.
    """
    allowed = {name: value for name, value in headers.items() if name in ALLOWED_HEADERS or name in rules.headers}
    call = propose(
        connection_id=of[0],
        connection_version=of[1],
        credential_version=of[2],
        rules=rules,
        method=method,
        url=url,
        headers=allowed,
        query={},
        body=None,
    )
    if _is_json(call.content_type) and body.raw:
        read_json(body.raw)
    return replace(call, body=body.raw, is_streamed=body.is_streamed)


def _with_query(url: Url, query: Mapping[str, str | Sequence[str]]) -> Url:
    pairs = [
        f"{_escaped(name)}={_escaped(value)}"
        for name, values in query.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    if not pairs:
        return url
    joined = "&".join(([url.raw_query] if url.raw_query else []) + pairs)
    return parse_url(f"{url.origin}{url.raw_path}?{joined}")


def _escaped(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidRequest("the query holds half a character", field="query", rule="no lone surrogates") from None


def _refuse_query_names(url: Url, injected_query: str | None) -> None:
    # A service reads `%5Fmethod` and `_method` alike, so they are compared as it reads them.
    # Some take `;` for `&`, and `name[]` for `name`.
    pairs = re.split("[&;]", url.raw_query or "")
    names = {unquote_plus(pair.partition("=")[0]).lower().partition("[")[0] for pair in pairs}
    if "_method" in names:
        raise InvalidRequest(
            "a method may not be overridden",
            field="query._method",
            rule="no method overrides",
            hint="set `method` itself",
        )
    if injected_query is not None and injected_query.lower() in names:
        raise InvalidRequest(
            "the credential's own query parameter may not be set",
            field=f"query.{injected_query}",
            rule="the appliance injects it",
            hint="leave it out",
        )


def _named_headers(headers: Mapping[str, str], rules: SendingRules) -> tuple[tuple[tuple[str, str], ...], str | None]:
    dropped = STRIPPED_HEADERS | rules.injected_headers
    named: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in dropped:
            continue
        _check_header(name, value, rules.headers)
        if lowered in named:
            raise InvalidRequest("a header is named twice", field=f"headers.{lowered}", rule="each header once")
        named[lowered] = value
    named = {**dict(rules.default_headers), **named}
    content_type = named.pop("content-type", None)
    return tuple(sorted(named.items())), content_type


def _check_header(name: str, value: str, more: frozenset[str]) -> None:
    allowed = ALLOWED_HEADERS | more if more else ALLOWED_HEADERS
    if not _TOKEN.fullmatch(name) or name.lower() not in allowed:
        raise InvalidRequest(
            "a header may not be set by an agent",
            field=f"headers.{name[:64]!r}",
            rule="one of " + ", ".join(sorted(allowed)),
            hint="leave it out; the credential is injected for you",
        )
    if len(value) > MAX_HEADER_CHARACTERS or not _VALUE.fullmatch(value):
        raise InvalidRequest(
            "a header's value holds characters that are not sent",
            field=f"headers.{name.lower()}",
            rule=f"printable ASCII, at most {MAX_HEADER_CHARACTERS} characters",
        )


def _encoded_body(body: Json, content_type: str | None) -> tuple[bytes | None, str | None]:
    if body is None:
        return None, content_type
    if isinstance(body, str):
        raw, sent_type = _text_bytes(body), content_type or "text/plain; charset=utf-8"
        if _is_json(sent_type):
            read_json(raw)
    else:
        if content_type is not None and not _is_json(content_type):
            raise InvalidRequest(
                "a JSON value cannot be sent under this content type",
                field="headers.content-type",
                rule="application/json for a JSON body",
                hint="send the body as one string to have its very bytes sent",
            )
        raw, sent_type = _json_bytes(body), content_type or "application/json"
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidRequest("the body is too large", field="body", rule=f"at most {MAX_BODY_BYTES} bytes")
    return raw, sent_type


def _text_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidRequest("the body holds half a character", field="body", rule="no lone surrogates") from None


def _json_bytes(body: Json) -> bytes:
    try:
        raw = write_json(body)
        read_json(raw)
    except (ValueError, UnicodeEncodeError, RecursionError):
        raise InvalidRequest("the body cannot be written as JSON", field="body", rule="JSON, at most 64 deep") from None
    return raw


def _is_json(content_type: str | None) -> bool:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
