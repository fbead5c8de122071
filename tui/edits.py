"""A call as a person edits it: four texts out of a call, and `CallEdits` out of what came back."""

import json
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydantic import JsonValue

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.intents import CallEdits, ExactCall
from tui.calls import is_json
from tui.format import is_hidden, is_plain

EDITABLE_CHARACTERS = 200_000
"""A longer body is not edited in a terminal."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call as texts: the URL without its query, the rest as JSON; a body that is not JSON as it is."""

    url: str
    query: str
    headers: str
    body: str


def draft(call: ExactCall) -> Draft:
    """The texts to edit. Each is safe to draw: what hides stands as a JSON escape.

    Raises:
        InvalidRequest: a part cannot be shown in an editor without changing it.
    """
    url = call.url.partition("?")[0]
    if "\n" in url or not is_plain(url) or (call.body is not None and not is_json(call) and not is_plain(call.body)):
        raise InvalidRequest("this call holds characters that cannot be edited here", hint="send it back with a note")
    if len(call.body or "") > EDITABLE_CHARACTERS:
        raise InvalidRequest("the body is too long to edit here", hint="send it back with a note")
    return Draft(url, _written(_query_tree(call.query)), _written(dict(call.headers)), _body_text(call))


def parse(before: Draft, after: Draft, *, json_body: bool) -> CallEdits:
    """What was changed, and only that.

    Raises:
        InvalidRequest: a text is not what its field needs; `field` names it.
    """
    edits: dict[str, JsonValue] = {}
    if after.url != before.url or after.query != before.query:
        edits |= {"url": after.url.strip(), "query": _members(after.query, "query")}
    if after.headers != before.headers:
        edits["headers"] = _members(after.headers, "headers")
    if after.body != before.body:
        edits["body"] = _body(after.body, json_body=json_body)
    return _checked(edits)


def _checked(edits: dict[str, JsonValue]) -> CallEdits:
    try:
        return CallEdits.model_validate(edits)
    except ValueError:
        raise InvalidRequest("a field holds a value it cannot hold", field="query or headers") from None


def apply(call: ExactCall, edits: CallEdits) -> ExactCall:
    """The call as it would look after the edits, for the comparison before the yes; the appliance builds its own."""
    changed: dict[str, object] = {}
    if edits.url is not None:
        scheme_and_host, _, path = edits.url.partition("://")[2].partition("/")
        changed |= {"url": edits.url, "host": scheme_and_host, "path": f"/{path}", "query": _joined(edits)}
    if edits.headers is not None:
        changed["headers"] = edits.headers
    if "body" in edits.model_fields_set:
        body = edits.body if isinstance(edits.body, str) or edits.body is None else _compact(edits.body)
        changed |= {"body": body, "body_bytes": len((body or "").encode("utf-8", "replace"))}
    return call.model_copy(update=changed)


def _joined(edits: CallEdits) -> str | None:
    pairs = [
        f"{name}={value}"
        for name, values in (edits.query or {}).items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return "&".join(pairs) or None


def _query_tree(query: str | None) -> dict[str, str | list[str]]:
    tree: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(query or "", keep_blank_values=True):
        earlier = tree.get(name)
        tree[name] = value if earlier is None else [*([earlier] if isinstance(earlier, str) else earlier), value]
    return tree


def _body_text(call: ExactCall) -> str:
    if call.body is None or not is_json(call):
        return call.body or ""
    try:
        return _written(json.loads(call.body))
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON, though it says so", hint="send it back with a note") from None


def _written(tree: object) -> str:
    text = json.dumps(tree, ensure_ascii=False, indent=2)
    return "".join(
        _escaped(character) if character != "\n" and is_hidden(character) else character for character in text
    )


def _escaped(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1]


def _compact(tree: JsonValue) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _members(text: str, field: str) -> dict[str, JsonValue]:
    tree = _tree(text or "{}", field)
    if not isinstance(tree, dict):
        raise InvalidRequest(f"{field} is not a JSON object", field=field, hint='write {"name": "value"}')
    return tree


def _body(text: str, *, json_body: bool) -> JsonValue:
    if not text.strip():
        return None
    return _tree(text, "body") if json_body else text


def _tree(text: str, field: str) -> JsonValue:
    try:
        tree: JsonValue = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{field} is not JSON, line {error.lineno} column {error.colno}", field=field) from None
    except RecursionError:
        raise InvalidRequest(f"{field} is nested too deeply", field=field) from None
    return tree
