"""The one error tree. `surfaces/errors.py` maps each class to a status; nothing else does.

StackError
├── InvalidRequest     the request itself is wrong                     (400)
├── Unauthorized       we do not know who asks, or no longer accept it (401)
├── Forbidden          we know who asks, and it may not                (403)
├── NotFound           there is no such thing, or not for this caller  (404)
├── Conflict           it was already done, or done differently        (409)
├── TooLarge           a named limit in bytes is passed                (413)
├── Locked             the vault is locked or sealed                   (423)
├── TooMany            a named limit in count or rate is passed        (429)
├── UpstreamFailed     the other service failed or lied                (502)
├── UpstreamTimedOut   the other service did not answer in time        (504)
├── Unavailable        we cannot do it safely now (disk, audit)        (503)
├── NotServed          only a hosted business has this                 (501)
└── Broken             an impossible state; a defect of ours           (500)
"""

from collections.abc import Mapping
from typing import ClassVar, Union

Scalar = str | int | bool | None
Detail = Union[Scalar, list["Detail"], dict[str, "Detail"]]  # noqa: UP007 (a string cannot be joined by `|`)
"""What `details` may hold: JSON without floats."""


class StackError(Exception):
    """Anything a caller is told. `message` is lower case without a full stop; `details` never holds a secret."""

    default_code: ClassVar[str] = "BROKEN"

    def __init__(self, message: str, *, code: str | None = None, **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details: Mapping[str, Detail] = {key: value for key, value in details.items() if value is not None}


class InvalidRequest(StackError):
    """The request is malformed or breaks a rule of form; names the field."""

    default_code = "INVALID_REQUEST"


class Unauthorized(StackError):
    """No bearer, an unknown one, or one that is expired or revoked."""

    default_code = "UNAUTHORIZED"


class Forbidden(StackError):
    """The caller is known and may not do this; carries `gate_reason` or `rule`, and `hint`."""

    default_code = "FORBIDDEN"


class NotFound(StackError):
    """There is no such thing, or it belongs to another: the two look alike."""

    default_code = "NOT_FOUND"


class Conflict(StackError):
    """The state of the thing forbids it now."""

    default_code = "CONFLICT"


class TooLarge(StackError):
    """More bytes than a named limit."""

    default_code = "TOO_LARGE"


class Locked(StackError):
    """The vault is locked or sealed: unlock it at the terminal."""

    default_code = "LOCKED"


class TooMany(StackError):
    """More at once, or in a while, than a named limit; `retry_after_seconds` says when."""

    default_code = "TOO_MANY_REQUESTS"


class UpstreamFailed(StackError):
    """The upstream service could not be reached, failed, or answered nonsense."""

    default_code = "UPSTREAM_FAILED"


class UpstreamTimedOut(StackError):
    """The upstream service did not answer within the limit."""

    default_code = "UPSTREAM_TIMEOUT"


class Unavailable(StackError):
    """It cannot be done safely now: the record cannot be written, or the vault is older than its anchor."""

    default_code = "UNAVAILABLE"


class NotServed(StackError):
    """A local appliance has no such thing."""

    default_code = "NOT_SERVED"


class Broken(StackError):
    """An impossible state: a defect of ours."""

    default_code = "BROKEN"
