"""AWS Signature Version 4 over the headers of one request. Pure: the keys and the time come in, headers go out.

Source: the pages "Create a signed AWS API request" of AWS IAM and "Signature Calculations for the Authorization
Header" of Amazon S3. Where a host's scope stands is `aws_hosts`.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import Url

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
"""Stands for the hash of a body that is not read before it is sent. Only S3 knows it."""

ONCE_ENCODED = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
"""Signing names of S3: a path is the key of an object, so it is neither encoded twice nor tidied."""

UNSIGNED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""Headers that are not signed as they come: hops and `egress` set them. The host is signed from the URL."""

OURS = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
"""Headers that only signing sets."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_CLOSING = "aws4_request"
_SCOPE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{3,128}", re.ASCII)
_SLASHES = re.compile(r"/+")

Headers = Iterable[tuple[str, str]]


class Scope(NamedTuple):
    """What a signature is good for, beside its day."""

    service: str
    """The name AWS signs under, which is not always the host's: `ses` for email."""
    region: str


def sign(
    *,
    method: str,
    url: Url,
    headers: Headers,
    body: bytes | None,
    access_key_id: str,
    secret_access_key: Secret,
    session_token: Secret | None,
    region: str,
    service: str,
    at: datetime,
) -> tuple[tuple[str, str], ...]:
    """The headers to add to a request, lower-case; `headers` are those it has already, `at` is aware.

    A `body` of None is one that is sent without being read first.

    Raises:
        InvalidRequest: names the field; nothing of a credential is in it.
    """
    scope = _checked_scope(service, region)
    if not _KEY_ID.fullmatch(access_key_id):
        _refuse("the access key id is not one", "credential.access_key_id", "3 to 128 letters, digits, `_` and `-`")
    payload_hash = _payload_hash(body, url, scope)
    added = [("x-amz-content-sha256", payload_hash), ("x-amz-date", _timestamp(at))]
    if session_token is not None:
        added.append(("x-amz-security-token", session_token.reveal()))
    signed = signed_headers(url, [*_unset(headers), *added])
    canonical = canonical_request(method, url, signed, payload_hash, service=service)
    signature = sign_text(string_to_sign(canonical, scope, at), secret_access_key, scope, at)
    credential = f"{access_key_id}/{_credential_scope(scope, at)}"
    authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={';'.join(signed)}, Signature={signature}"
    return (*added, ("authorization", authorization))


def signed_headers(url: Url, headers: Headers) -> Mapping[str, str]:
    """The headers a signature covers, in order: lower-case names, blanks folded, one name's values joined.

    Raises:
        InvalidRequest: a value is not ASCII, which two sides could encode differently.
    """
    values: dict[str, list[str]] = {"host": [url.authority]}
    for name, value in headers:
        if name.lower() in UNSIGNED:
            continue
        if not value.isascii():
            _refuse(f"the header {name.lower()} cannot be signed", "headers", "ASCII values alone")
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return {name: ",".join(values[name]) for name in sorted(values)}


def canonical_request(method: str, url: Url, signed: Mapping[str, str], payload_hash: str, *, service: str) -> str:
    """The request in the one form that both sides hash."""
    path = _once_encoded(url.raw_path) if service in ONCE_ENCODED else quote(_SLASHES.sub("/", url.raw_path))
    lines = [method.upper(), path, _canonical_query(url.raw_query or "")]
    lines += [f"{name}:{value}" for name, value in signed.items()]
    return "\n".join([*lines, "", ";".join(signed), payload_hash])


def string_to_sign(canonical: str, scope: Scope, at: datetime) -> str:
    """What is signed: the time, the scope and the hash of the canonical request."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join([_ALGORITHM, _timestamp(at), _credential_scope(scope, at), digest])


def sign_text(text: str, secret_access_key: Secret, scope: Scope, at: datetime) -> str:
    """The signature in hex, by the key of this day, region and service."""
    key = f"AWS4{secret_access_key.reveal()}".encode()
    for part in _credential_scope(scope, at).split("/"):
        key = _mac(key, part)
    return _mac(key, text).hex()


def _once_encoded(raw_path: str) -> str:
    # By segment, so that an escaped slash stays one.
    return "/".join(quote_from_bytes(unquote_to_bytes(segment), safe="") for segment in raw_path.split("/"))


def _canonical_query(raw_query: str) -> str:
    """Each pair encoded in the one way, sorted by encoded name and then value."""
    pairs = [pair.partition("=") for pair in raw_query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, value in sorted((_component(n), _component(v)) for n, _, v in pairs))


def _component(raw: str) -> str:
    # AWS reads a plus in a query as a blank, and wants the blank as %20.
    return quote_from_bytes(unquote_to_bytes(raw.replace("+", " ")), safe="")


def _payload_hash(body: bytes | None, url: Url, scope: Scope) -> str:
    if body is not None:
        return hashlib.sha256(body).hexdigest()
    if scope.service not in ONCE_ENCODED or url.scheme != "https":
        # Without TLS nothing would hold such a body to its request.
        _refuse("a body that is not read first cannot be signed here", "body", "for S3 over https alone")
    return UNSIGNED_PAYLOAD


def _unset(headers: Headers) -> list[tuple[str, str]]:
    found = list(headers)
    for name, _ in found:
        if name.lower() in OURS:
            _refuse(f"the header {name.lower()} is set by signing", "headers", "left out of the call")
    return found


def _checked_scope(service: str, region: str) -> Scope:
    for name, part in (("service", service), ("region", region)):
        if not _SCOPE_PART.fullmatch(part):
            _refuse(f"the {name} to sign for is not one", name, "letters, digits and hyphens")
    return Scope(service, region)


def _credential_scope(scope: Scope, at: datetime) -> str:
    return f"{_timestamp(at)[:8]}/{scope.region}/{scope.service}/{_CLOSING}"


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _refuse(message: str, field: str, rule: str) -> NoReturn:
    raise InvalidRequest(message, field=field, rule=rule)
