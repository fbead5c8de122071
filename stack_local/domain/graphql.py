"""Whether a GraphQL document only reads. Not a parser: what is not plainly a query counts as a write."""

import re

from stack_local.domain.canonical import Json

_IGNORED = re.compile(r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|#[^\n\r]*|[\s,\ufeff]+')
_TOKEN = re.compile(r"[_A-Za-z][_0-9A-Za-z]*|\.\.\.|[!$&()\[\]:=@{|}]|-?[0-9][0-9.eE+-]*")
_OPENERS, _CLOSERS = "{([", "})]"


def only_reads(body: Json) -> bool:
    """Whether a request body (GraphQL over HTTP: `{query, variables?, operationName?}`) holds queries alone."""
    if not isinstance(body, dict) or not set(body) <= {"query", "variables", "operationName"}:
        return False
    document = body.get("query")
    return isinstance(document, str) and _definitions(document) <= {"query", "fragment"}


def _definitions(document: str) -> set[str]:
    """The kinds of the top-level definitions (GraphQL specification, section 2.2); "?" for anything unknown."""
    found, depth, at, expects = set[str](), 0, 0, True
    while at < len(document):
        ignored = _IGNORED.match(document, at)
        if ignored is not None:
            at = ignored.end()
            continue
        token = _TOKEN.match(document, at)
        if token is None:
            return {"?"}
        at, text = token.end(), token[0]
        if depth == 0 and expects:
            found.add("query" if text == "{" else text)
            expects = False
        depth += (text in _OPENERS) - (text in _CLOSERS)
        if depth < 0:
            return {"?"}
        expects = expects or (depth == 0 and text == "}")
    return found if found and depth == 0 and expects else {"?"}
