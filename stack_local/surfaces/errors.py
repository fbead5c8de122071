"""The one table from the error tree to what a surface says: HTTP status, exit status of the command."""

from stack_local.domain import errors

STATUS: dict[type[errors.StackError], int] = {
    errors.InvalidRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Locked: 423,
    errors.TooMany: 429,
    errors.Broken: 500,
    errors.NotServed: 501,
    errors.UpstreamFailed: 502,
    errors.Unavailable: 503,
    errors.UpstreamTimedOut: 504,
}
"""HTTP statuses."""

Json = dict[str, object]


def status_of(error: errors.StackError) -> int:
    """The HTTP status of an error or of the class it descends from."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def envelope(error: errors.StackError) -> Json:
    """`{"error": {message, code, details}}`; a gate's reason stands in `metadata` too, where the product has it."""
    body: Json = {"message": error.message, "code": error.code}
    if error.details:
        body["details"] = dict(error.details)
    gate = error.details.get("gate_reason")
    whole: Json = {"error": body}
    if gate:
        whole["metadata"] = {"gate_reason": gate}
    return whole


def text_of(error: errors.StackError) -> str:
    """The error for a model to read: code, what happened, what to do next."""
    hint = error.details.get("hint")
    return f"[{error.code}] {error.message}" + (f". Next: {hint}" if hint else "")
