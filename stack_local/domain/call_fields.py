"""The fields of a call that a rule or a sentence may name: `method`, `url.host`, `query.limit`, `body.amount`."""

from urllib.parse import parse_qsl, unquote

from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json, read_json
from stack_local.domain.errors import InvalidRequest

MAX_FORM_FIELDS = 1000
"""Fields of one form body that are read."""


class Absent:
    """A field the call does not have; unlike null, which is a value."""


ABSENT = Absent()

HEADS = ("method", "url.pathname", "url.host", "url.origin", "headers", "query", "body")
"""What a path begins with (product.md 5.3)."""


def check_path(path: str) -> None:
    """Refuse a path that names nothing a call can have.

    Raises:
        InvalidRequest: it is none of the known forms.
    """
    head, _, rest = path.partition(".")
    whole = path in ("method", "url.pathname", "url.host", "url.origin", "body")
    if not whole and not (head in ("headers", "query", "body") and rest and ".." not in f".{rest}."):
        raise InvalidRequest(
            f"{path[:64]!r} names no field of a call",
            field="path",
            rule="method, url.pathname, url.host, url.origin, headers.<name>, query.<key> or body.<dotted.path>",
        )


def read_field(call: Call, path: str) -> Json | Absent:
    """The value at a path; ABSENT where there is none, also where the query or the body cannot be read.

    A key that stands several times in a query or a form gives all its values as a list.
    """
    head, _, rest = path.partition(".")
    match head:
        case "method":
            return call.method
        case "url":
            return _of_url(call, rest)
        case "headers":
            return _header(call, rest.lower())
        case "query":
            return _of_query(call, rest)
        case "body":
            return _of_body(call, rest)
        case _:
            return ABSENT


def _of_url(call: Call, part: str) -> Json | Absent:
    match part:
        case "pathname":
            return call.url.raw_path.rstrip("/") or "/"
        case "host":
            return call.url.host
        case "origin":
            return call.url.origin
        case _:
            return ABSENT


def _header(call: Call, name: str) -> Json | Absent:
    if name == "content-type":
        return ABSENT if call.content_type is None else call.content_type
    return dict[str, Json](call.headers).get(name, ABSENT)


def _of_query(call: Call, name: str) -> Json | Absent:
    try:
        return _pairs(call.url.raw_query or "").get(name, ABSENT)
    except ValueError:
        return ABSENT


def _of_body(call: Call, path: str) -> Json | Absent:
    tree = body_tree(call)
    if isinstance(tree, Absent) or not path:
        return tree
    return at(tree, path, is_form=is_form(call))


def is_form(call: Call) -> bool:
    """Whether the body is a web form."""
    return (call.content_type or "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def body_tree(call: Call) -> Json | Absent:
    """The body as a tree: JSON, or the pairs of a form."""
    if call.body is None:
        return ABSENT
    try:
        if call.is_json:
            return read_json(call.body)
        return dict(_pairs(call.body.decode("ascii"))) if is_form(call) else ABSENT
    except (InvalidRequest, UnicodeDecodeError, ValueError):
        return ABSENT


def at(tree: Json, path: str, *, is_form: bool = False) -> Json | Absent:
    """The value at a dotted path; a form spells `a.b` as `a[b]` too, and both spellings together are two values."""
    if is_form and isinstance(tree, dict):
        first, *others = path.split(".")
        spellings = dict.fromkeys((path, first + "".join(f"[{part}]" for part in others)))
        values = [tree[spelling] for spelling in spellings if spelling in tree]
        return values if len(values) > 1 else next(iter(values), ABSENT)
    for part in path.split("."):
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
        elif isinstance(tree, list) and part.isascii() and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return ABSENT
    return tree


def _pairs(encoded: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS):
        earlier = found.get(name, ABSENT)
        found[name] = value if isinstance(earlier, Absent) else _joined(earlier, value)
    return found


def _joined(earlier: Json, value: str) -> list[Json]:
    return [*(earlier if isinstance(earlier, list) else [earlier]), value]


def plain_path(raw_path: str) -> str | None:
    """The path with its needless escapes undone; None where two readers could understand it differently.

    An escaped slash, a doubled slash, a parameter after `;` and an escape within an escape are such places.
    """
    plain = unquote(raw_path)
    is_odd = "//" in raw_path or ";" in plain or "\\" in plain or "%" in plain or "\ufffd" in plain
    if is_odd or plain.count("/") != raw_path.count("/"):
        return None
    return plain
