"""What a service's authorization server answers: read strictly and within limits, into one of a few outcomes.

Whatever cannot be read is no answer at all: nothing is guessed from half of it, and the service is asked again later.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from stack_local.domain.canonical import Json, read_json
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import parse_url
from stack_local.egress.messages import InboundResponse
from stack_local.oauth.tokens_upstream import Tokens
from stack_local.oauth.upstream import TokenServer

MAX_TOKEN_CHARACTERS = 16 * 1024
"""Of one token."""

MIN_TOKEN_CHARACTERS = 6
"""A shorter one could not be found in an answer, so that its echo would stay there."""

MAX_LIFETIME_SECONDS = 10 * 365 * 86_400
"""What is said to last longer ends then."""

MAX_FIELDS = 64
"""Of an answer in form encoding."""

MAX_RETRY_SECONDS = 3600
"""What `Retry-After` counts for at most."""

MAX_SCOPES = 200
"""In one answer."""

DEVICE_INTERVAL_SECONDS = 5
"""Between two looks where the service says none (RFC 8628, section 3.2)."""

BEARER_TYPES = frozenset({"bearer", "bot", "user"})
"""Sent as bearers; Slack names its tokens by whose they are. Another type we could not use (RFC 6749, section 7.1)."""

DEAD_CODES = frozenset(
    {
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
        "access_denied",
        "expired_token",
        "bad_refresh_token",
        "bad_verification_code",
        "incorrect_client_credentials",
        "invalid_refresh_token",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "bad_client_secret",
        "invalid_client_id",
    }
)
"""A person has to act (RFC 6749, section 5.2; RFC 8628, section 3.5); the last ones are GitHub's and Slack's."""

LATER_CODES = frozenset(
    {
        "server_error",
        "temporarily_unavailable",
        "slow_down",
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
    }
)
"""The same request may pass later, whatever the status says."""

ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What of a service's error is shown; its description never is."""

_TOKEN = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
_USER_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")
_DIGITS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Dead:
    """It will not work again until a person acts; `reason` says why, in our words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It may work later."""

    reason: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The person has not said yes yet (RFC 8628, section 3.5)."""

    slower: bool = False
    """From now on each look comes 5 seconds later than the one before."""


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """What a device grant begins with."""

    device_code: Secret
    user_code: str
    verification_uri: str
    expires_in_seconds: int
    interval_seconds: int


class _Unreadable(Exception):
    """The answer is none; the message says what of it."""


def read_tokens(
    response: InboundResponse, server: TokenServer, *, at: datetime, is_refresh: bool = False
) -> Tokens | Dead | Later | Waiting:
    """What a token request came to."""
    try:
        answer = _members(response)
        refused = _refusal(response, answer)
        return refused or _tokens(answer, server, at, is_refresh=is_refresh)
    except _Unreadable as error:
        return Later(f"the answer of the service cannot be used: {error}")


def read_device(response: InboundResponse) -> DeviceCodes | Dead | Later | Waiting:
    """What the beginning of a device grant came to (RFC 8628, section 3.2)."""
    try:
        answer = _members(response)
        return _refusal(response, answer) or _device(answer)
    except _Unreadable as error:
        return Later(f"the answer of the service cannot be used: {error}")


def _members(response: InboundResponse) -> dict[str, Json]:
    types = [value for name, value in response.headers if name == "content-type"]
    media_type = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
    if response.status == 429 or response.status >= 500:
        return {}
    if media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json")):
        return _json_members(response.body)
    if media_type == "application/x-www-form-urlencoded":
        return _form_members(response.body)
    raise _Unreadable(f"status {response.status}, neither JSON nor a form")


def _json_members(body: bytes) -> dict[str, Json]:
    try:
        tree = read_json(body)
    except InvalidRequest as refused:
        raise _Unreadable(refused.message) from None
    if not isinstance(tree, dict):
        raise _Unreadable("it is no object")
    return tree


def _form_members(body: bytes) -> dict[str, Json]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise _Unreadable("the form cannot be read") from None
    if len(dict(pairs)) != len(pairs):
        raise _Unreadable("a field stands twice")
    return dict(pairs)


def _refusal(response: InboundResponse, answer: dict[str, Json]) -> Dead | Later | Waiting | None:
    """What the service says instead of tokens; None where it does not refuse."""
    status, error = response.status, answer.get("error") or None
    if status == 429 or status >= 500:
        return Later(f"the service answered {status}", _retry_after(response))
    if error is None and answer.get("ok") is not False and status < 300:
        return None
    # Some services call it an object, and some refuse with status 200.
    code = error if isinstance(error, str) and ERROR_CODE.fullmatch(error) else "no reason that can be shown"
    match code:
        case "authorization_pending":
            return Waiting()
        case "slow_down":
            return Waiting(slower=True)
    if code in LATER_CODES:
        return Later(f"the service answered {code}", _retry_after(response))
    # Asked again, a request that was malformed or not authorized would be so again.
    if code in DEAD_CODES or status < 300 or status in (400, 401):
        return Dead(f"the service refused: {code}")
    return Later(f"the service answered {status}", _retry_after(response))


def _retry_after(response: InboundResponse) -> int | None:
    said = next((value for name, value in response.headers if name == "retry-after"), "")
    return min(int(said), MAX_RETRY_SECONDS) if _DIGITS.fullmatch(said) else None


def _tokens(answer: dict[str, Json], server: TokenServer, at: datetime, *, is_refresh: bool) -> Tokens:
    holder, name = _holder(answer, server.token_path, is_refresh=is_refresh)
    access_token = _token(holder.get(name), "access_token")
    kind = holder.get("token_type")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in BEARER_TYPES):
        raise _Unreadable("its token_type is not one we can send")
    refresh_token = holder.get("refresh_token")
    return Tokens(
        access_token=access_token,
        refresh_token=None if refresh_token in (None, "") else _token(refresh_token, "refresh_token"),
        expires_at=_end(holder.get("expires_in"), at),
        scopes=_scopes(holder.get("scope")),
    )


def _holder(answer: dict[str, Json], path: str, *, is_refresh: bool) -> tuple[dict[str, Json], str]:
    """The object that holds the token, and its name there.

    Slack's first answer has a person's token in `authed_user`, and a refreshed one at the top.
    """
    *parents, name = path.split(".")
    held: Json = answer
    for parent in parents:
        held = held.get(parent) if isinstance(held, dict) else None
    if isinstance(held, dict) and name in held:
        return held, name
    if is_refresh and "access_token" in answer:
        return answer, "access_token"
    raise _Unreadable("there is no token in it")


def _token(value: Json, name: str) -> Secret:
    if not isinstance(value, str) or not MIN_TOKEN_CHARACTERS <= len(value) <= MAX_TOKEN_CHARACTERS:
        raise _Unreadable(f"its {name} is none")
    if not _TOKEN.fullmatch(value):
        raise _Unreadable(f"its {name} holds a character that cannot be sent")
    return Secret(value)


def _end(value: Json, at: datetime) -> datetime | None:
    """When it ends; a zero is how some services say never."""
    if value is None or (not isinstance(value, bool) and value in ("", 0, "0")):
        return None
    return at + timedelta(seconds=min(_seconds(value, "expires_in"), MAX_LIFETIME_SECONDS))


def _seconds(value: Json, name: str) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Unreadable(f"its {name} is no number of seconds")
    return value


def _scopes(value: Json) -> tuple[str, ...]:
    """The scopes as they were granted: a text with blanks or commas between them, or a list."""
    if value is None:
        return ()
    found = re.split(r"[ ,]+", value.strip(" ,")) if isinstance(value, str) else value
    if not isinstance(found, list) or len(found) > MAX_SCOPES:
        raise _Unreadable("its scope is neither a text nor a list")
    scopes = [scope for scope in found if scope != ""]
    texts = [scope for scope in scopes if isinstance(scope, str) and _SCOPE.fullmatch(scope)]
    if len(texts) != len(scopes):
        raise _Unreadable("its scope holds a character that no scope has")
    return tuple(dict.fromkeys(texts))


def _device(answer: dict[str, Json]) -> DeviceCodes:
    user_code = answer.get("user_code")
    if not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
        raise _Unreadable("its user_code is none")
    # Google wrote it before the RFC named it.
    uri = answer.get("verification_uri", answer.get("verification_url"))
    interval = answer.get("interval")
    return DeviceCodes(
        device_code=_token(answer.get("device_code"), "device_code"),
        user_code=user_code,
        verification_uri=_shown_address(uri),
        expires_in_seconds=_seconds(answer.get("expires_in"), "expires_in"),
        interval_seconds=DEVICE_INTERVAL_SECONDS if interval is None else _seconds(interval, "interval"),
    )


def _shown_address(value: Json) -> str:
    try:
        url = parse_url(value if isinstance(value, str) else "")
    except InvalidRequest:
        raise _Unreadable("its verification_uri is no address") from None
    if url.scheme != "https":
        raise _Unreadable("its verification_uri is not https")
    return url.text
