"""What a private key earns tokens with: an assertion, signed by RS256, and the reading of what is answered to it.

Sources: RFC 7523, section 2.1; RFC 7518, section 3.3. What each service asks of one: `github_app`, `service_account`.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey

from stack_local.domain.canonical import Json, read_json
from stack_local.domain.errors import InvalidRequest, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.egress.messages import InboundResponse

BACKDATED_SECONDS = 60
"""How long before now an assertion says it was issued, because clocks differ."""

MIN_KEY_BITS = 2048
"""Of an RSA key."""

MAX_KEY_CHARACTERS = 8 * 1024
"""Of a private key, or of the file it stands in: more is a file by mistake."""

MAX_TOKEN_CHARACTERS = 16 * 1024
"""Of a token in an answer."""

_PEM = re.compile(r"\s*-----[A-Z]+ (RSA )?PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----[A-Z ]+-----\s*", re.ASCII)
# One key and nothing beside it; the library reads the rest of the form.
_RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")
# The object identifier of RSA in PKCS #8 (RFC 8017, appendix C).
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ERROR_CODE = re.compile(r"[a-z_]{1,64}", re.ASCII)


def sign_assertion(
    claims: Mapping[str, str], private_key: Secret, *, field: str, at: datetime, seconds: int, key_id: str | None = None
) -> str:
    """A JWT of these claims that is good for `seconds`, most of which lie ahead.

    Raises:
        InvalidRequest: the key is none; names `field`.
    """
    issued_at = int(at.timestamp()) - BACKDATED_SECONDS
    header = {"alg": "RS256"} if key_id is None else {"alg": "RS256", "kid": key_id}
    times = {"iat": issued_at, "exp": issued_at + seconds}
    return jwt.encode(header, {**claims, **times}, read_key(private_key, field=field), algorithms=["RS256"])


def read_key(private_key: Secret, *, field: str) -> RSAKey:
    """The RSA key in a PEM that has no password.

    Raises:
        InvalidRequest: it is not that; names `field`, and repeats nothing of the key.
    """
    pem = private_key.reveal()
    if len(pem) > MAX_KEY_CHARACTERS:
        refuse("the private key is too long", field, f"at most {MAX_KEY_CHARACTERS} characters")
    if "ENCRYPTED" in pem:
        refuse("the private key is encrypted", field, "a PEM without a password")
    found = _PEM.fullmatch(pem)
    if found is None or not (found[1] or _is_rsa(found[2])):
        refuse(
            "the private key is not an RSA key in PEM",
            field,
            "one key from its first line to its last, with the line breaks",
        )
    try:
        with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
            key = RSAKey.import_key(pem.encode())
    except (JoseError, ValueError, TypeError):
        refuse("the private key cannot be read", field, "an RSA key in PEM, PKCS #1 or PKCS #8")
    if key.raw_value.key_size < MIN_KEY_BITS:
        refuse("the private key is too short", field, f"at least {MIN_KEY_BITS} bits")
    return key


def read_answer(response: InboundResponse, *, status: int) -> Mapping[str, Json]:
    """The members of an answer that has this status.

    Raises:
        UpstreamFailed: it is another answer; `error` is its code where it is one of OAuth.
    """
    try:
        answer = read_json(response.body)
    except InvalidRequest:
        answer = None
    if response.status != status:
        code = answer.get("error") if isinstance(answer, dict) else None
        fail(response, "status", error=code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None)
    if not isinstance(answer, dict):
        fail(response, "body")
    return answer


def read_token(response: InboundResponse, value: Json) -> Secret:
    """The token of an answer.

    Raises:
        UpstreamFailed: it could not be sent in a header.
    """
    if not isinstance(value, str) or len(value) > MAX_TOKEN_CHARACTERS or not _TOKEN.fullmatch(value):
        fail(response, "token")
    return Secret(value)


def fail(response: InboundResponse, part: str, *, error: str | None = None) -> NoReturn:
    """Say which part of an answer holds no token.

    Raises:
        UpstreamFailed: always.
    """
    message = "the service gave no token for the key"
    hint = "is the key still listed there, and is the clock of this machine right?"
    raise UpstreamFailed(message, status=response.status, part=part, error=error, hint=hint) from None


def refuse(message: str, field: str, rule: str) -> NoReturn:
    """Say which field of a credential is wrong. Without the cause, whose text may quote what was read.

    Raises:
        InvalidRequest: always.
    """
    raise InvalidRequest(message, field=f"credential.{field}", rule=rule) from None


def _is_rsa(encoded: str) -> bool:
    """Whether PKCS #8 says RSA: of an algorithm it does not know, the library raises what no base class names."""
    try:
        return _RSA_ENCRYPTION in base64.b64decode(encoded)[:40]
    except binascii.Error:
        return False
