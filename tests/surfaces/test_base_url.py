"""A base URL for any program: its key wherever its vendor puts it, its request as it came, its answer as it comes."""

import asyncio
import base64
import gzip
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.domain.agents import Asks
from stack_local.domain.calls import MAX_BODY_BYTES
from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces import caller_line, front_door
from stack_local.surfaces.base_url import KEY_HEADERS, OUR_HEADERS, bearer_of, passed
from stack_local.wire.passports import DeclaredIntent, IssuePassport, RevokePassport
from stack_local.wire.services import BindConnectionHosts, ConnectCustomService
from stack_local.wire.vault import LockVault
from tests.conftest import TOKEN, Running, begin, decoded, served
from tests.oauth.flow import SHARED, Login
from tests.simulators.raw_upstream import CLOSE, raw_upstream
from tests.simulators.stepped import caller, stepped
from tests.simulators.upstream import Upstream
from tests.surfaces.below import program, refusal

KEY = "sk_live_" + "Ab-_" * 8
PASSPORT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
OTHER = "sk_live_" + "Zz-_" * 8


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# Whose bearer it is --------------------------------------------------------------------------------------------------

PLACES: dict[str, dict[str, str]] = {
    "bearer": {"authorization": "Bearer {}"},
    "bearer in capitals": {"authorization": "BEARER {}"},
    "token": {"authorization": "token {}"},
    "GenieKey": {"authorization": "GenieKey {}"},
    "quoted": {"authorization": 'Token token="{}"'},
    "bare": {"authorization": "{}"},
    **{name: {name: "{}"} for name in KEY_HEADERS},
    "two places": {"authorization": "Bearer {}", "x-api-key": "{}"},
    "behind a dummy": {"authorization": "Bearer dummy", "x-api-key": "{}"},
}
BASIC = {"basic user": ("{}", ""), "basic user with an x": ("{}", "x"), "basic password": ("api", "{}")}


@pytest.mark.parametrize("token", [KEY, PASSPORT], ids=["key", "passport"])
@pytest.mark.parametrize("place", PLACES)
def test_a_bearer_is_found_where_vendors_put_a_key(place: str, token: str) -> None:
    headers = {name: value.format(token) for name, value in PLACES[place].items()}
    assert bearer_of({"accept": "x", **headers}) == token


@pytest.mark.parametrize("token", [KEY, PASSPORT], ids=["key", "passport"])
@pytest.mark.parametrize("place", BASIC)
def test_a_bearer_is_found_in_basic_credentials(place: str, token: str) -> None:
    assert bearer_of({"authorization": basic(*(part.format(token) for part in BASIC[place]))}) == token


NO_BEARER: list[Mapping[str, str]] = [
    {},
    {"authorization": ""},
    {"authorization": "Bearer sk_test_" + "a" * 40},
    {"authorization": "Basic !!!"},
    {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
    {"authorization": basic("user", "password")},
    {"authorization": "Bearer sk_session_" + "a" * 40},
    {"cookie": f"key={KEY}"},
    {"x-other": KEY},
]


@pytest.mark.parametrize("headers", NO_BEARER)
def test_what_is_no_bearer_of_ours_is_none(headers: Mapping[str, str]) -> None:
    assert bearer_of(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}", "x-api-key": OTHER},
        {"authorization": basic(KEY, PASSPORT)},
        {"x-api-key": f"{KEY}, {OTHER}"},
    ],
)
def test_two_bearers_are_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        bearer_of(headers)


@SHARED
async def test_whatever_carries_the_bearer_the_service_gets_the_credential_and_nothing_of_ours(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "places")
        issued = await hotel.person.call(IssuePassport(agent_id=one.agent.id, intent=DeclaredIntent(summary="look")))
        passport = issued.token.get_secret_value()
        sent = [{name: value.format(token) for name, value in PLACES[place].items()}
                for place in PLACES for token in (one.bearer, passport)]  # fmt: skip
        sent += [{"authorization": basic(one.bearer)}, {"authorization": basic("api", passport)}]
        sent += [{"authorization": f"Bearer {one.bearer}", "x-passport-token": passport}]
        async with httpx.AsyncClient(base_url=one.base_url, trust_env=False) as http:
            statuses = [(await http.get("/things", headers=headers)).status_code for headers in sent]
        assert statuses == [200] * len(sent)
        assert [request.authorized for request in service.requests] == [True] * len(sent)
        seen = repr(service.requests)
        assert one.bearer not in seen
        assert passport not in seen


@SHARED
async def test_without_a_good_bearer_nothing_is_asked_of_the_service(hotel: Running, guest: Login) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "strangers")
        await guest.register()
        await guest.open(resource=f"{hotel.base_url}/mcp")
        elsewhere = decoded(await guest.token(code=await guest.allow()))["access_token"]
        refused = {
            "": (401, "UNAUTHORIZED"),
            f"Bearer {KEY}": (401, "INVALID_API_KEY"),
            f"Bearer {PASSPORT}": (401, "UNAUTHORIZED"),
            f"Bearer {elsewhere}": (401, "INVALID_TOKEN"),
            basic(one.bearer, KEY): (400, "INVALID_REQUEST"),
        }
        async with httpx.AsyncClient(base_url=one.base_url, trust_env=False) as http:
            for authorization, expected in refused.items():
                answer = await http.get("/things", headers={"authorization": authorization})
                assert refusal(answer)[:2] == expected
        assert service.requests == []


# What the service sees -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["authorization", "connection", "x-hop", *KEY_HEADERS, *sorted(OUR_HEADERS)])
def test_keys_and_what_is_for_us_go_no_further_though_a_template_listed_them(name: str) -> None:
    assert passed({"accept": "x", name: "1", "connection": "keep-alive, X-Hop"}) == {"accept": "x"}


@SHARED
async def test_only_listed_headers_go_on(hotel: Running) -> None:
    ours = ["X-Passport-Token", "X-Intent-Approval-Id", "X-STACK-Authority-Request-Id"]
    lines = [
        "Accept: text/plain", "accept: text/html", "User-Agent: vendor/1", "Idempotency-Key: once", "Prefer: wait",
        "Connection: keep-alive, Prefer, X-Mine", "Keep-Alive: timeout=5", "TE: trailers", "Upgrade: h2c",
        "Proxy-Authorization: Basic eA==", "Cookie: a=b", "X-Mine: 1", "X-Forwarded-For: 10.0.0.1", "Referer: http://a/",
        "X-Api-Key: dummy", "Accept-Encoding: br", "Range: bytes=0-1",
    ]  # fmt: skip
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "headers")
        async with caller(hotel.base_url) as wire:
            await wire.say(one.head("GET", "/things", *lines))
            assert (await wire.head()).startswith(b"HTTP/1.1 200")
        (request,) = service.requests
        assert {name.lower(): value for name, value in request.headers} == {
            "accept": "text/plain, text/html",
            "accept-encoding": "gzip",
            "authorization": f"Bearer {TOKEN}",
            "host": service.host_port,
            "idempotency-key": "once",
            "user-agent": "vendor/1",
        }
        assert not any(name in repr(request) for name in ours)


TARGETS = [
    "/", "//", "/things//1", "/a%2Fb", "/a%20b+c", "/caf%C3%A9", "/x;y=1", "/a:b@c", "/~user", "/%25",
    "/things?q=a+b", "/things?q=%2B&q=", "/things?&&", "/things?a=b=c", "/things?q=/../x", "/things?%5Fx=1",
]  # fmt: skip


@SHARED
async def test_path_and_query_stay_as_they_were_written(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "paths")
        async with caller(hotel.base_url) as wire:
            for target in [*TARGETS, "/things?", ""]:
                await wire.say(one.head("HEAD", target))
                await wire.head()
        # Of a query that is empty the server tells nobody.
        assert [request.target for request in service.requests] == [*TARGETS, "/things", "/"]


REFUSED_TARGETS = [
    ("/../x", "url"), ("/a/%2e%2e/x", "url"), ("/a/..;/x", "url"), ("/a/%2e%2e%2fx", "url"), ("/a#b", "url"),
    ("/%00", "url"), ("/%zz", "url"), ("/a|b", "url"), ('/a"b', "url"), ("/x?_method=DELETE", "query._method"),
]  # fmt: skip


@SHARED
async def test_a_target_that_two_readers_may_read_differently_is_refused_and_recorded(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "bad-paths")
        async with caller(hotel.base_url) as wire:
            for target, field in REFUSED_TARGETS:
                await wire.say(one.head("GET", target))
                assert await refused_field(wire) == (400, field)
        assert service.requests == []
        assert await one.outcomes() == ["blocked"] * len(REFUSED_TARGETS)


async def refused_field(wire: Any) -> tuple[int, str]:
    """Status and field of a refusal on a raw socket."""
    head = await wire.head()
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    error = decoded(httpx.Response(0, content=await wire.take(length)))["error"]
    return int(head[9:12]), error["details"]["field"]


MISDIRECTED = [
    ("GET /p/custom_none/x HTTP/1.1", 404, "service"),
    ("GET /p/ HTTP/1.1", 400, "path"),
    ("GET /p/a%2Fb/x HTTP/1.1", 400, "path"),
    ("GET /%70/custom_misdirected/x HTTP/1.1", 400, "path"),
    ("GET /p/../v1/agents HTTP/1.1", 400, "path"),
    ("OPTIONS /p/custom_misdirected/x HTTP/1.1", 400, "method"),
    ("GET /p/custom_misdirected/x HTTP/1.0", 400, "version"),
]


@SHARED
async def test_what_leads_to_no_service_is_refused_in_json_and_recorded(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "misdirected")
        head = one.head("GET", "").partition(b"\r\n")[2]
        for line, *expected in MISDIRECTED:
            async with caller(hotel.base_url) as wire:
                await wire.say(line.encode() + b"\r\n" + head)
                assert [*await refused_field(wire)] == expected
        assert service.requests == []
        assert await one.outcomes() == ["blocked"] * len(MISDIRECTED)


@SHARED
async def test_a_service_without_a_host_stands_for_nothing(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "unbound")
        bare = await hotel.person.call(ConnectCustomService(name="bare", credential=TOKEN))
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {one.bearer}"}, trust_env=False) as http:
            answer = await http.get(f"{hotel.base_url}/p/{bare.provider}/x")
            assert refusal(answer) == (403, "FORBIDDEN", "host_not_bound")
            hosts = [service.host_port]
            await hotel.person.call(BindConnectionHosts(connection_id=bare.id, hosts=hosts))
            answer = await http.get(f"{hotel.base_url}/p/{bare.provider}/x")
            assert refusal(answer)[2] == "credential_outside_scope"


METHODS = [
    ("GET", None, None), ("HEAD", None, None), ("DELETE", None, None), ("DELETE", b"", None), ("DELETE", b"gone", "4"),
    ("POST", None, "0"), ("POST", b"", "0"), ("POST", b"\x00\xff\r\n\r\n", "6"), ("PUT", b"x", "1"),
    ("PATCH", b"y", "1"), ("GET", b"a query", "7"),
]  # fmt: skip


@SHARED
async def test_methods_and_bodies_arrive_as_they_were_sent(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "methods")
        async with one.http() as http:
            for method, body, _ in METHODS:
                await http.request(method, "/things", content=body)
        seen = [(got.method, got.body or None, got.header("content-length")) for got in service.requests]
        assert seen == [(method, body or None, length) for method, body, length in METHODS]
        assert await one.outcomes() == ["pending", "success"] * len(METHODS)


# What comes back -----------------------------------------------------------------------------------------------------


async def answered(hotel: Running, name: str, raw: bytes, method: str = "GET", **fields: Any) -> httpx.Response:
    """What a program hears of this answer."""
    async with raw_upstream([raw, CLOSE]) as service:
        one = await program(hotel, f"127.0.0.1:{service.port}", name, **fields)
        async with one.http() as http:
            return await http.request(method, "/x", content=b"x" if method == "POST" else None)


@SHARED
async def test_an_answer_keeps_its_headers_but_state_authentication_and_orders(hotel: Running) -> None:
    raw = (
        b"HTTP/1.1 418 Teapot\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-Request-Id: req_1\r\n"
        b"ETag: 1\r\nVary: a\r\nVary: b\r\nX-RateLimit-Remaining: 3\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\n"
        b"Set-Cookie: a=b\r\nWWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\nClear-Site-Data: *\r\n"
        b"Refresh: 0\r\nStrict-Transport-Security: max-age=1\r\nAlt-Svc: h3\r\nAccess-Control-Allow-Origin: *\r\n"
        b"Keep-Alive: x\r\nX-Stack-Operation-Id: theirs\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nno"
    )  # fmt: skip
    answer = await answered(hotel, "answer-headers", raw)
    names = {"content-type", "x-request-id", "etag", "vary", "x-ratelimit-remaining"}
    # A short answer is given out in one piece, with its length.
    assert set(answer.headers) == names | {"date", "content-length", "x-stack-operation-id"}
    assert (answer.status_code, answer.headers["vary"], answer.content) == (418, "a, b", b"no")
    assert answer.headers.get_list("date") != ["Mon, 01 Jan 2001 00:00:00 GMT"]
    assert len(answer.headers.get_list("date")) == 1
    assert answer.headers["x-stack-operation-id"].startswith("opn_")


BODILESS = [
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", "DELETE", None),
    ("304", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", "GET", None),
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n", "HEAD", "42"),
    ("an empty body", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "POST", None),
    ("an empty read", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", None),
]


@SHARED
@pytest.mark.parametrize(("raw", "method", "length"), [row[1:] for row in BODILESS], ids=[row[0] for row in BODILESS])
async def test_an_answer_without_a_body_has_none(raw: bytes, method: str, length: str | None, hotel: Running) -> None:
    answer = await answered(hotel, f"bodiless-{raw[9:12].decode()}-{method.lower()}", raw, method)
    assert (answer.status_code, answer.content) == (int(raw[9:12]), b"")
    assert answer.headers.get("content-length") == length


@SHARED
async def test_a_coded_answer_arrives_decoded(hotel: Running) -> None:
    coded = gzip.compress(b"plain text " * 100)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded
    for method in ("GET", "POST"):
        answer = await answered(hotel, f"gzip-{method.lower()}", raw, method)
        assert (answer.content, "content-encoding" in answer.headers) == (b"plain text " * 100, False)


@SHARED
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_decompression_bomb_ends(method: str, hotel: Running) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    # Nothing of it has been told yet: on the wire it is short.
    answer = await answered(hotel, f"bomb-{method.lower()}", raw, method)
    assert refusal(answer)[:2] == (502, "RESPONSE_TOO_LARGE")


@SHARED
async def test_the_credential_does_not_come_back(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "echo")
        async with one.http() as http:
            answers = [await http.get(f"/reflect?place={place}&enc=plain") for place in ("body", "header", "link")]
        assert [TOKEN in answer.text + repr(answer.headers) for answer in answers] == [False] * 3
        assert "[redacted]" in answers[0].text


LOCATIONS = [
    ("{base}/things/3?a=b", "{ours}/things/3?a=b"),
    ("/things/3", "{ours}/things/3"),
    ("things/3", "things/3"),
    ("https://files.example.com/x?sig=1", "https://files.example.com/x?sig=1"),
    ("{base}9/things", "{base}9/things"),
]


@SHARED
async def test_the_services_own_addresses_lead_back_to_us(hotel: Running) -> None:
    """Else a program that follows one goes there itself, with our key in its hand."""
    async with stepped() as service:
        one = await program(hotel, service.host_port, "links")
        base, ours = f"http://{service.host_port}", one.base_url
        async with one.http() as http:
            for sent, heard in LOCATIONS:
                link = f"<{base}/things?page=2>; rel=next".encode()
                body = f'{{"url":"{base}/things/3","html_url":"https://example.com/3"}}'.encode()
                raw = b"HTTP/1.1 302 Found\r\nContent-Type: application/json\r\nLocation: %b\r\nLink: %b\r\n" % (
                    sent.format(base=base).encode(), link
                )  # fmt: skip
                asking = asyncio.create_task(http.get("/things"))
                wire = await service.accept()
                await wire.head()
                await wire.say(raw + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                answer = await asking
                assert answer.headers["location"] == heard.format(base=base, ours=ours)
                assert answer.headers["link"] == f"<{ours}/things?page=2>; rel=next"
                assert decoded(answer) == {"url": f"{ours}/things/3", "html_url": "https://example.com/3"}


# A person's yes ------------------------------------------------------------------------------------------------------


async def held(answer: httpx.Response) -> str:
    """The id of the approval that a call waits for."""
    assert refusal(answer) == (403, "FORBIDDEN", "approval_required")
    approval_id: str = decoded(answer)["error"]["details"]["approval_id"]
    return approval_id


@SHARED
async def test_an_identical_retry_spends_the_yes_once_and_no_other_call_does(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "enforced", approvals=Asks.WRITES)
        async with one.http() as http:
            write = {"content": b'{"a": 1}', "headers": {"content-type": "application/json"}}
            first = await held(await http.post("/things", **write))
            assert await held(await http.post("/things", **write)) == first
            await one.approve(first)
            others = [
                await http.post("/things", content=b'{"a": 1} ', headers=write["headers"]),
                await http.post("/things?x", **write),
                await http.put("/things", **write),
                await http.post("/things", **(write | {"headers": {"content-type": "text/plain"}})),
            ]
            assert first not in [await held(other) for other in others]
            assert service.requests == []
            made = await http.post("/things", **write)
            assert (made.status_code, service.effects) == (201, 1)
            assert service.requests[0].body == b'{"a": 1}'
            assert await held(await http.post("/things", **write)) not in (first, "")
        assert (await one.approval(first)).status == "consumed"
        assert service.effects == 1
        assert [entry.outcome for entry in await one.settled() if entry.outcome != "blocked"] == ["pending", "success"]


@SHARED
async def test_a_named_yes_is_spent_too_and_none_is_of_use_to_another_agent(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "named", approvals=Asks.WRITES)
        other = await hotel.agent("named-other", one.connection, approvals=Asks.WRITES)
        key = await hotel.key(agent_id=other.id)
        async with one.http() as http:
            approval_id = await held(await http.post("/things", content=b"x"))
            await one.approve(approval_id)
            theirs = await http.post("/things", content=b"x", headers={"authorization": f"Bearer {key}"})
            assert await held(theirs) != approval_id
            named = {"X-Intent-Approval-Id": approval_id}
            stolen = await http.post("/things", content=b"x", headers=named | {"authorization": f"Bearer {key}"})
            assert refusal(stolen)[2] == "passport_mismatch"
            changed = await http.post("/things", content=b"y", headers=named)
            assert refusal(changed)[2] == "call_mismatch"
            assert service.effects == 0
            assert (await http.post("/things", content=b"x", headers=named)).status_code == 201
            again = await http.post("/things", content=b"x", headers=named)
        assert (again.status_code, service.effects) == (201, 1)


@SHARED
async def test_reads_of_an_enforced_program_pass(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "reader", approvals=Asks.WRITES)
        async with one.http() as http:
            assert (await http.get("/things")).status_code == 200
            assert (await http.head("/things")).status_code == 200


BINARY = bytes(range(256)) * 40
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + BINARY + b"\r\n--b--\r\n"
BODIES = {
    "multipart": ("multipart/form-data; boundary=b", MULTIPART),
    "binary": ("application/octet-stream", BINARY),
    "without a type": (None, BINARY),
    "a form": ("application/x-www-form-urlencoded", b"a=1&b=%20+&c="),
    "JSON in its own spelling": ("application/json", b'{"b":1.0,\n "a":"\\u00e9"}'),
    "empty": (None, b""),
}


@SHARED
@pytest.mark.parametrize("case", BODIES)
async def test_what_was_approved_is_sent_byte_for_byte(case: str, hotel: Running) -> None:
    kind, body = BODIES[case]
    async with Upstream(token=TOKEN) as service:
        name = f"bytes-{'-'.join(case.lower().split())}"
        one = await program(hotel, service.host_port, name, approvals=Asks.WRITES)
        async with one.http(**({} if kind is None else {"content-type": kind})) as http:
            approval_id = await held(await http.post("/things", content=body))
            call = (await one.approval(approval_id)).call
            assert call is not None
            assert (call.body_sha256, call.body_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
            assert call.content_type == kind
            await one.approve(approval_id)
            assert (await http.post("/things", content=body)).status_code == 201
        assert [(got.body, got.header("content-type")) for got in service.requests] == [(body, kind)]


async def pieces(size: int, *, of: int = 500_000) -> AsyncIterator[bytes]:
    """A body in chunks."""
    for at in range(0, size, of):
        yield b"x" * min(of, size - at)


@SHARED
async def test_a_body_that_a_person_must_see_is_read_up_to_ten_megabytes_and_no_further(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "ten-megabytes", approvals=Asks.WRITES)
        async with one.http() as http:
            approval_id = await held(await http.post("/things", content=pieces(MAX_BODY_BYTES)))
            call = (await one.approval(approval_id)).call
            assert call is not None
            assert call.body_bytes == MAX_BODY_BYTES
            refused = [
                await http.post("/things", content=pieces(MAX_BODY_BYTES + 1)),
                await http.post("/things", content=bytes(MAX_BODY_BYTES + 1)),
            ]
        assert [refusal(answer)[:2] for answer in refused] == [(413, "TOO_LARGE")] * 2
        assert service.requests == []
        assert [entry.error_code for entry in await one.entries()] == ["FORBIDDEN", "TOO_LARGE", "TOO_LARGE"]


# None of our own tokens leaves ---------------------------------------------------------------------------------------


@SHARED
async def test_a_token_of_ours_leaves_neither_in_a_query_nor_a_header_nor_a_body(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "own-token")
        key = one.bearer.encode()
        async with one.http() as http:
            refused = [
                await http.get(f"/things?key={one.bearer}"),
                await http.get(f"/bot{one.bearer}/x"),
                await http.get("/things", headers={"user-agent": one.bearer}),
                await http.post("/things", content=b"x" + key),
                await http.post("/things", content=b"%73" + key[1:]),
            ]
            assert {refusal(answer) for answer in refused} == {(403, "FORBIDDEN", "own_token")}
            assert service.requests == []
            # The same in a body that goes out as it comes: the service gets no whole request.
            streamed = await http.post("/things", content=b"x" * 300_000 + key)
        assert refusal(streamed) == (403, "FORBIDDEN", "own_token")
        assert (service.requests, service.effects) == ([], 0)


# Exactly once --------------------------------------------------------------------------------------------------------

REQUEST_ID = "X-STACK-Authority-Request-Id"


@SHARED
async def test_a_write_under_an_operation_id_is_made_once(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "once")
        async with one.http(**{REQUEST_ID: "a" * 32, "content-type": "application/json"}) as http:
            first, again = [await http.post("/things", content=b'{"n":1}') for _ in range(2)]
            assert (first.status_code, first.content) == (again.status_code, again.content) == (201, again.content)
            assert first.headers["x-stack-operation-id"] == again.headers["x-stack-operation-id"] != ""
            changed = await http.post("/things", content=b'{"n":2}')
            assert (refusal(changed)[:2], changed.headers["x-should-retry"]) == ((409, "CONFLICT"), "false")
            # It is under an id: so its body is read however large it is.
            large = await http.post("/things", content=b'{"n":1}' + b" " * 300_000)
            assert (large.status_code, large.content) == (201, first.content)
        assert (service.effects, len(service.requests)) == (1, 1)


@SHARED
async def test_a_call_in_doubt_tells_vendors_programs_not_to_repeat_it(hotel: Running) -> None:
    async with raw_upstream([CLOSE]) as service:
        one = await program(hotel, f"127.0.0.1:{service.port}", "doubt")
        async with one.http(**{REQUEST_ID: "b" * 32}) as http:
            answers = [await http.post("/things", content=b"x") for _ in range(2)]
        assert [refusal(answer)[0] for answer in answers] == [502, 502]
        assert [answer.headers.get("x-should-retry") for answer in answers] == ["false", "false"]
        assert len(service.requests) == 1


@SHARED
async def test_a_call_that_was_certainly_not_sent_may_be_repeated(hotel: Running) -> None:
    async with raw_upstream([CLOSE]) as service:
        port = service.port
    one = await program(hotel, f"127.0.0.1:{port}", "unsent")
    async with one.http() as http:
        answer = await http.post("/things", content=b"x")
    assert (answer.status_code, "x-should-retry" in answer.headers) == (502, False)


# The doors in front --------------------------------------------------------------------------------------------------


@SHARED
async def test_a_foreign_host_and_a_web_page_get_nowhere(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "doors")
        async with one.http() as http:
            host = await http.get("/things", headers={"host": "evil.example.com"})
            page = await http.get("/things", headers={"origin": "https://evil.example.com"})
        assert (host.status_code, page.status_code, service.requests) == (421, 403, [])


@SHARED
async def test_a_refusal_keeps_no_caller_waiting_for_its_next_call(
    hotel: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_door, "DRAIN_SECONDS", 3600)
    monkeypatch.setattr(caller_line, "DRAIN_SECONDS", 3600)
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "prompt")
        async with one.http() as http, asyncio.timeout(20):
            for _ in range(3):
                assert (await http.get("/%00")).status_code == 400
                assert (await http.post("/%00", content=b"x")).status_code == 400
        assert len(service.requests) == 0


@SHARED
async def test_a_caller_that_still_sends_hears_why_it_is_refused(hotel: Running) -> None:
    async with Upstream(token=TOKEN) as service:
        one = await program(hotel, service.host_port, "deaf")
        async with one.http() as http:
            answer = await http.post("/%00", content=bytes(5_000_000))
        assert refusal(answer)[:2] == (400, "INVALID_REQUEST")


# What ends access ----------------------------------------------------------------------------------------------------


async def test_revoked_expired_locked_and_sealed_it_ends_before_the_service(
    appliance: Running, upstream: Upstream
) -> None:
    one = await program(appliance, upstream.host_port, "ends")
    person, fresh = appliance.person, IssuePassport(agent_id=one.agent.id, intent=DeclaredIntent(summary="look"))
    async with one.http() as http:

        async def asked(token: str) -> tuple[int, str]:
            answer = await http.get("/things", headers={"authorization": f"Bearer {token}"})
            return answer.status_code, "" if answer.status_code == 200 else refusal(answer)[1]

        revoked, expired = await person.call(fresh), await person.call(fresh)
        assert await asked(revoked.token.get_secret_value()) == (200, "")
        await person.call(RevokePassport(jti=revoked.jti))
        assert await asked(revoked.token.get_secret_value()) == (401, "PASSPORT_REVOKED")
        appliance.system.advance(301)
        assert await asked(expired.token.get_secret_value()) == (401, "PASSPORT_EXPIRED")
        assert await asked(one.bearer) == (200, "")
        await person.call(LockVault())
        assert await asked(one.bearer) == (423, "LOCKED")
    assert len(upstream.requests) == 2


async def test_a_passport_that_is_revoked_while_its_body_arrives_sends_nothing(
    appliance: Running, upstream: Upstream
) -> None:
    one = await program(appliance, upstream.host_port, "meanwhile")
    intent = DeclaredIntent(summary="look")
    issued = await appliance.person.call(IssuePassport(agent_id=one.agent.id, intent=intent))
    one.bearer = issued.token.get_secret_value()
    async with caller(appliance.base_url) as wire:
        await wire.say(one.head("POST", "/things", "Content-Length: 3", "Expect: 100-continue"))
        assert (await wire.head()).startswith(b"HTTP/1.1 100")
        await wire.say(b"x")
        await appliance.person.call(RevokePassport(jti=issued.jti))
        await wire.say(b"yz")
        assert (await wire.head()).startswith(b"HTTP/1.1 401")
    assert upstream.requests == []


async def test_a_sealed_appliance_forwards_nothing(tmp_path: Path, upstream: Upstream) -> None:
    places = (tmp_path / "home", tmp_path / "state")
    async with served(*places) as running:
        await begin(running)
        one = await program(running, upstream.host_port, "sealed")
    async with served(*places, system=running.system) as sealed:
        one.running = sealed
        async with one.http() as http:
            assert refusal(await http.get("/things"))[:2] == (423, "LOCKED")
            assert (await http.get("/things", headers={"authorization": ""})).status_code == 401
    assert upstream.requests == []


async def test_a_yes_that_is_too_old_is_asked_for_anew(appliance: Running, upstream: Upstream) -> None:
    one = await program(appliance, upstream.host_port, "late", approvals=Asks.WRITES)
    async with one.http() as http:
        first = await held(await http.post("/things", content=b"x"))
        await one.approve(first)
        appliance.system.advance(15 * 60 + 1)
        assert await held(await http.post("/things", content=b"x")) != first
    assert upstream.requests == []
