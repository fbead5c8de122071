"""Which GraphQL requests only read: everything that is not plainly a query counts as a write."""

import pytest

from stack_local.domain.canonical import Json
from stack_local.domain.graphql import only_reads

READING: list[tuple[str, str]] = [
    ("short form", "{ viewer { login } }"),
    ("named", "query Me { viewer { login } }"),
    ("with variables", 'query Me($id: ID! = "x", $in: In = {a: [1, 2]}) { node(id: $id) { id } }'),
    ("with directives", "query Me @cached(for: {seconds: 3}) { me @skip(if: true) { id } }"),
    ("two of them", "query A { a } query B { b }"),
    ("with fragments", "{ me { ...F } } fragment F on User { id } fragment G on User { name }"),
    ("fragment first", "fragment F on User { id } query { me { ...F } }"),
    ("fragment called mutation", "fragment mutation on User { id } { me { ...mutation } }"),
    ("inline fragment", "{ me { ... on User { id } ... @include(if: true) { name } } }"),
    ("field called mutation", "{ mutation { id } subscription }"),
    ("query called mutation", "query mutation { me { id } }"),
    ("alias called mutation", "{ mutation: me { id } }"),
    ("braces in a string", '{ find(text: "} mutation { x }") { id } }'),
    ("escaped quote in a string", '{ find(text: "\\" } mutation { x") { id } }'),
    ("braces in a block string", '{ find(text: """ } mutation { "x" """) { id } }'),
    ("escaped end in a block string", '{ find(text: """ \\""" } mutation { """) { id } }'),
    ("braces in a comment", "{ me { id } } # } mutation { x }"),
    ("comment before", "# mutation { x }\nquery { me { id } }"),
    ("comment ended by a carriage return", "# x\rquery { me { id } }"),
    ("commas and a byte order mark", "\ufeff,,{,me,{,id,},}"),
    ("no blanks", "query{me{id}}"),
    ("numbers", "{ a(x: -1.5e+3, y: 0) }"),
]

WRITING: list[tuple[str, str]] = [
    ("mutation", "mutation { x }"),
    ("subscription", "subscription { x }"),
    ("after a query", "query A { a } mutation B { b }"),
    ("before a query", "mutation B { b } query A { a }"),
    ("after a fragment", "fragment F on User { id } mutation { x }"),
    ("after a comment's end", "# query {\nmutation { x }"),
    ("after a carriage return", "# query {\rmutation { x }"),
    ("after a string", '{ a(x: "}") } mutation { b }'),
    ("after an empty string", '{ a(x: "") } mutation { b }'),
    ("after a block string", '{ a(x: """}""") } mutation { b }'),
    ("after an escaped block string", '{ a(x: """\\"""}""") } mutation { b }'),
    ("after three quotes and one", '{ a(x: """a"""" } mutation { b }'),
    ("in another case", "Mutation { x }"),
    ("glued to a brace", "{a}mutation{b}"),
    ("type definition", "type A { a: Int }"),
    ("extension", "extend schema { query: Q }"),
    ("nothing", ""),
    ("blanks", "  \n"),
    ("a comment alone", "# query { a }"),
    ("a word alone", "query"),
    ("not closed", "{ me { id }"),
    ("closed too often", "{ me } }"),
    ("not closed inside", "query ($x: Int { me }"),
    ("string not closed", '{ a(x: "} }'),
    ("string over a line", '{ a(x: "\n") }'),
    ("block string not closed", '{ a(x: """} }'),
    ("unknown character", "{ me } ; mutation { x }"),
    ("unknown character before", "\0{ me }"),
    ("semicolon joined", "{ a };mutation { b }"),
    ("two dots", "{ me { ..F } }"),
]


@pytest.mark.parametrize("document", [row[1] for row in READING], ids=[row[0] for row in READING])
def test_a_document_of_queries_reads(document: str) -> None:
    assert only_reads({"query": document})
    assert only_reads({"query": document, "variables": {"mutation": "mutation { x }"}, "operationName": "Me"})


@pytest.mark.parametrize("document", [row[1] for row in WRITING], ids=[row[0] for row in WRITING])
def test_any_other_document_writes(document: str) -> None:
    assert not only_reads({"query": document})


REQUESTS: list[tuple[str, Json]] = [
    ("a batch", [{"query": "{ a }"}]),
    ("a batch with a mutation", [{"query": "{ a }"}, {"query": "mutation { b }"}]),
    ("text", "{ a }"),
    ("nothing", None),
    ("no document", {"variables": {}}),
    ("no document but its hash", {"extensions": {"persistedQuery": {"sha256Hash": "x"}}}),
    ("a document and a hash", {"query": "{ a }", "extensions": {"persistedQuery": {"sha256Hash": "x"}}}),
    ("a document and an id", {"query": "{ a }", "id": "x"}),
    ("a document and a second one", {"query": "{ a }", "mutation": "mutation { b }"}),
    ("a list for a document", {"query": ["{ a }", "mutation { b }"]}),
    ("a number for a document", {"query": 1}),
]


@pytest.mark.parametrize("request_body", [row[1] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_a_request_of_another_form_writes(request_body: Json) -> None:
    assert not only_reads(request_body)


def test_a_hostile_document_is_told_in_a_time_that_grows_with_its_length() -> None:
    for piece in ('"""', '"', "{", '\\"""', "#", "query {", '"""a"""" '):
        assert not only_reads({"query": piece * 20_000 + "mutation { x }"})
