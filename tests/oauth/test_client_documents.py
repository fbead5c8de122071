"""Clients known by an address (O-11, O-13): what is fetched and believed, and that nothing is until a person says so.

The documents come from a real TLS server on loopback, through the real egress; only its port and its address are let
through, which no client could have.
"""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from stack_local.egress.client import Egress, InboundResponse, OutboundRequest
from stack_local.oauth.client_documents import (
    DOCUMENT_BYTES,
    FETCH_LIMITS,
    FETCHES_A_MINUTE,
    InvalidClient,
    checked_address,
    good_seconds,
)
from stack_local.oauth.metadata import AUTHORIZATION_SERVER_PATH
from stack_local.wire.consents import ListConsentRequests, ListConsents, SetClientMetadataFetching
from tests.conftest import Running, begin, decoded, served
from tests.oauth.flow import REDIRECT, SHARED, Login, accepts
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.egress import opened
from tests.simulators.raw_upstream import CLOSE, HANG, RawUpstream, raw_upstream
from tests.simulators.resolver import TableResolver

HOST = "client.example.com"
ADDRESS = f"https://{HOST}/cimd.json"


@dataclass
class Internet:
    """What the appliance of these tests fetches from: nothing, until a test names something."""

    egress: Egress | None = None
    port: int = 0
    asked: list[OutboundRequest] = field(default_factory=list)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.asked.append(request)
        assert self.egress is not None, "nothing is to be fetched"
        assert (request.url.scheme, request.url.port, request.private_allowed) == ("https", 443, frozenset())
        url = replace(request.url, port=self.port) if self.port else request.url
        allowed = frozenset({url.host_port}) if self.port else request.private_allowed
        return await self.egress.send(replace(request, url=url, private_allowed=allowed))

    @asynccontextmanager
    async def publishing(
        self, authority: Authority, script: list[bytes], **limited: float
    ) -> AsyncIterator[RawUpstream]:
        """Every request is answered by this script while the block runs."""
        resolver = TableResolver({name: [("127.0.0.1",)] for name in (HOST, "other.example.com")})
        limits = replace(FETCH_LIMITS, **limited)
        tls = authority.server_context(HOST)
        async with (
            raw_upstream(script, tls=tls) as upstream,
            opened(resolver, ca=authority.ca, limits=limits) as egress,
        ):
            self.egress, self.port = egress, upstream.port
            try:
                yield upstream
            finally:
                self.egress = None


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def internet() -> Internet:
    return Internet()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_house(tmp_path_factory: pytest.TempPathFactory, internet: Internet) -> AsyncIterator[Running]:
    """An appliance whose person lets it fetch documents."""
    folder = tmp_path_factory.mktemp("open-house")
    async with served(folder / "home", folder / "state", document_sender=internet) as running:
        await begin(running)
        await running.person.call(SetClientMetadataFetching(enabled=True))
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(open_house: Running, internet: Internet) -> AsyncIterator[Login]:
    """A client that names itself by its address, a day after the one before: nothing is remembered of that."""
    open_house.system.advance(seconds=86_400)
    internet.asked.clear()
    async with open_house.http() as http:
        yield Login(open_house, http, client_id=ADDRESS)


def document(**changed: object) -> bytes:
    """A good one, unless told otherwise; None leaves a member out."""
    usual: dict[str, object] = {
        "client_id": ADDRESS,
        "client_name": "Example client",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    }
    return json.dumps({name: value for name, value in (usual | changed).items() if value is not None}).encode()


def answer(body: bytes, *lines: str, status: str = "200 OK", kind: str | None = "application/json") -> list[bytes]:
    """An answer of a server, whole."""
    said = [*lines, f"Content-Length: {len(body)}", *([] if kind is None else [f"Content-Type: {kind}"])]
    return ["\r\n".join([f"HTTP/1.1 {status}", *said, "", ""]).encode() + body]


GOOD: dict[str, list[bytes]] = {
    "as it is meant": answer(document()),
    "with parameters of the type": answer(document(), kind="application/json; charset=utf-8"),
    "a type that builds on JSON": answer(document(), kind="application/oauth-client+json"),
    "a type in capitals": answer(document(), kind="Application/JSON"),
    "gzipped": answer(gzip.compress(document()), "Content-Encoding: gzip"),
    "without a name": answer(document(client_name=None)),
    "without a method, which is none here": answer(document(token_endpoint_auth_method=None)),
    "with members we do not know": answer(document(logo_uri="https://client.example.com/x.png", contacts=["a@b"])),
    "with a public key": answer(document(jwks={"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]})),
    "as large as it may be": answer(document() + b" " * (DOCUMENT_BYTES - len(document()))),
}


@SHARED
@pytest.mark.parametrize("script", GOOD.values(), ids=GOOD)
async def test_a_good_document_opens_the_page(
    visitor: Login, internet: Internet, authority: Authority, script: list[bytes]
) -> None:
    async with internet.publishing(authority, script) as upstream:
        response = await visitor.open()
    assert response.status_code == 200, response.text
    head = upstream.requests[0].lower()
    assert head.startswith(b"get /cimd.json http/1.1\r\n")
    assert b"cookie" not in head
    assert b"authorization" not in head


BAD: dict[str, list[bytes]] = {
    "another client's": answer(document(client_id=f"https://{HOST}/other.json")),
    "its own but for a slash": answer(document(client_id=f"{ADDRESS}/")),
    "its own but for a letter's case": answer(document(client_id=ADDRESS.upper())),
    "nobody's": answer(document(client_id=None)),
    "a number's": answer(document(client_id=1)),
    "one byte too large": answer(document() + b" " * (DOCUMENT_BYTES - len(document()) + 1)),
    "6 KiB without a length": [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 6144, CLOSE],
    "a redirect": answer(b"", "Location: https://client.example.com/other.json", status="301 Moved"),
    "a redirect with a good document": answer(document(), f"Location: {ADDRESS}", status="302 Found"),
    "not there": answer(document(), status="404 Not Found"),
    "partial": answer(document(), status="206 Partial Content"),
    "HTML": answer(document(), kind="text/html"),
    "text": answer(document(), kind="text/plain"),
    "no type": answer(document(), kind=None),
    "two types": answer(document(), "Content-Type: text/html"),
    "almost JSON": answer(document(), kind="application/jsonp"),
    "a script's type": answer(document(), kind="text/json"),
    "a gzip bomb": answer(gzip.compress(document() + b" " * 3_000_000), "Content-Encoding: gzip"),
    "two codings": answer(gzip.compress(gzip.compress(document())), "Content-Encoding: gzip, gzip"),
    "an unknown coding": answer(document(), "Content-Encoding: br"),
    "a coding that is not so": answer(document(), "Content-Encoding: gzip"),
    "a member twice": answer(b'{"client_id": "https://evil.example.org/", ' + document()[1:]),
    "a member twice within": answer(document(jwks={})[:-3] + b'{"keys": [], "keys": []}}'),
    "no JSON": answer(b"<html>"),
    "nothing": answer(b""),
    "a list": answer(b"[" + document() + b"]"),
    "not UTF-8": answer(document().replace(b"Example", b"\xff\xfe")),
    "a byte order mark": answer(b"\xef\xbb\xbf" + document()),
    "a secret": answer(document(client_secret="s")),
    "a secret's end": answer(document(client_secret_expires_at=0)),
    "a method with a secret": answer(document(token_endpoint_auth_method="client_secret_basic")),
    "a method with a key": answer(document(token_endpoint_auth_method="private_key_jwt")),
    "a symmetric key": answer(document(jwks={"keys": [{"kty": "oct", "k": "AA"}]})),
    "no redirect": answer(document(redirect_uris=[])),
    "plain http elsewhere": answer(document(redirect_uris=["http://client.example.com/cb"])),
    "a dangerous scheme": answer(document(redirect_uris=[REDIRECT, "javascript:alert(1)"])),
    "eleven redirects": answer(document(redirect_uris=[f"{REDIRECT}/{n}" for n in range(11)])),
    "no grant of ours": answer(document(grant_types=["client_credentials"])),
    "our own name": answer(document(client_name="stack_local")),
}  # fmt: skip


@SHARED
@pytest.mark.parametrize("script", BAD.values(), ids=BAD)
async def test_a_bad_document_is_refused_and_not_remembered(
    visitor: Login, internet: Internet, authority: Authority, script: list[bytes]
) -> None:
    documents = visitor.running.appliance.authorization_server().documents
    async with internet.publishing(authority, script) as upstream:
        with pytest.raises(InvalidClient):
            await documents.learn(ADDRESS)
    assert len(upstream.requests) == 1
    async with internet.publishing(authority, answer(document())) as upstream:
        await documents.learn(ADDRESS)
    assert len(upstream.requests) == 1, "the same address with a good document is fetched anew, and let on"


async def test_a_refusal_is_a_page_without_a_redirect_and_is_counted(tmp_path: Path, authority: Authority) -> None:
    internet = Internet()
    async with of_its_own(tmp_path, internet) as login, internet.publishing(authority, answer(b"{}")):
        response = await login.open()
        assert (response.status_code, "location" in response.headers) == (400, False)
        assert login.running.appliance.dispatcher.take_counted() == {"invalid_client": 1}


@SHARED
@pytest.mark.parametrize("script", [[HANG], [b"HTTP/1.1 200 OK\r\n", HANG]], ids=["mute", "slow"])
async def test_a_slow_server_is_given_up(
    visitor: Login, internet: Internet, authority: Authority, script: list[bytes]
) -> None:
    async with internet.publishing(authority, script, total_seconds=0.3):
        assert (await visitor.open()).status_code == 400


def test_the_bounds_of_a_fetch_are_those_of_the_draft() -> None:
    assert (FETCH_LIMITS.total_seconds, FETCH_LIMITS.response_body_bytes) == (3, 5120)


LOCAL = {
    "loopback": (ADDRESS, "127.0.0.1"),
    "loopback in IPv6": (ADDRESS, "::1"),
    "loopback wrapped in IPv6": (ADDRESS, "::ffff:127.0.0.1"),
    "a private network": (ADDRESS, "10.0.0.1"),
    "a carrier's network": (ADDRESS, "100.64.0.1"),
    "a cloud's metadata": (ADDRESS, "169.254.169.254"),
    "no address": (ADDRESS, "0.0.0.0"),
    "a local name": ("https://localhost/cimd.json", "93.184.216.34"),
    "a name of the network": ("https://printer.lan/cimd.json", "93.184.216.34"),
    "an address in place of a name": ("https://127.0.0.1/cimd.json", ""),
}


@SHARED
@pytest.mark.parametrize(("client_id", "address"), LOCAL.values(), ids=LOCAL)
async def test_a_host_of_this_machine_or_its_network_is_not_connected_to(
    visitor: Login, internet: Internet, client_id: str, address: str
) -> None:
    resolver = TableResolver({HOST: [(address,)]})
    async with opened(resolver, limits=FETCH_LIMITS) as egress:
        internet.egress, internet.port = egress, 0
        with pytest.raises(InvalidClient) as refused:
            await visitor.running.appliance.authorization_server().documents.learn(client_id)
        internet.egress = None
    assert refused.value.details["rule"] == "egress_denied"


@SHARED
async def test_a_certificate_of_another_is_refused(visitor: Login, internet: Internet, authority: Authority) -> None:
    visitor.client_id = "https://other.example.com/cimd.json"
    async with internet.publishing(authority, answer(document(client_id=visitor.client_id))) as upstream:
        response = await visitor.open()
    assert (response.status_code, upstream.requests) == (400, [])


ADDRESSES: dict[str, str] = {
    "plain http": f"http://{HOST}/cimd.json",
    "a fragment": f"{ADDRESS}#x",
    "an empty fragment": f"{ADDRESS}#",
    "a user": f"https://user@{HOST}/cimd.json",
    "a user and a password": f"https://user:word@{HOST}/cimd.json",
    "a dot segment": f"https://{HOST}/./cimd.json",
    "two dots": f"https://{HOST}/a/../cimd.json",
    "escaped dots": f"https://{HOST}/%2e%2e/cimd.json",
    "port 22": f"https://{HOST}:22/cimd.json",
    "another port": f"https://{HOST}:8443/cimd.json",
    "the usual port, written": f"https://{HOST}:443/cimd.json",
    "no path": f"https://{HOST}",
    "a host in capitals": f"https://{HOST.upper()}/cimd.json",
    "a scheme in capitals": f"HTTPS://{HOST}/cimd.json",
    "no host": "https:///cimd.json",
    "no slashes": f"https:{HOST}/cimd.json",
    "a backslash": f"https:\\\\{HOST}/cimd.json",
    "a blank": f"https://{HOST}/a b",
    "letters that are not ASCII": "https://exämple.com/cimd.json",
    "an address in an unusual form": "https://2130706433/cimd.json",
    "too long": f"https://{HOST}/" + "a" * 512,
}


@SHARED
@pytest.mark.parametrize("client_id", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_that_is_not_written_plainly_is_not_fetched(
    visitor: Login, internet: Internet, client_id: str
) -> None:
    visitor.client_id = client_id
    response = await visitor.open()
    assert (response.status_code, internet.asked) == (400, [])


@pytest.mark.parametrize("good", [ADDRESS, f"https://{HOST}/", f"https://{HOST}/a?b=c"])
def test_an_address_is_taken_as_it_is_written(good: str) -> None:
    assert checked_address(good).text == good


def test_an_address_that_is_refused_says_its_rule() -> None:
    with pytest.raises(InvalidClient) as refused:
        checked_address(f"{ADDRESS}#x")
    assert refused.value.code == "invalid_client"


@SHARED
async def test_a_redirect_that_the_document_does_not_name_is_not_answered(
    visitor: Login, internet: Internet, authority: Authority
) -> None:
    async with internet.publishing(authority, answer(document())):
        response = await visitor.open(redirect_uri="https://evil.example.org/cb")
    assert (response.status_code, "location" in response.headers) == (400, False)


# How long it is remembered, and how often it is fetched -------------------------------------------------------------


LIFETIMES: dict[str, tuple[tuple[str, ...], int]] = {
    "nothing said": ((), 3600),
    "an hour and a bit": (("max-age=4000",), 4000),
    "among others": (("public, max-age=4000, must-revalidate",), 4000),
    "in two lines": (("public", "Max-Age=4000"), 4000),
    "too short": (("max-age=1",), 300),
    "too long": (("max-age=31536000",), 86_400),
    "beyond any number": (("max-age=" + "9" * 30,), 3600),
    "not to be kept": (("no-store",), 300),
    "not to be kept, and how long": (("max-age=4000, no-cache",), 300),
    "another's": (("s-maxage=4000",), 3600),
    "no number": (("max-age=soon",), 3600),
}


@pytest.mark.parametrize(("lines", "seconds"), LIFETIMES.values(), ids=LIFETIMES)
def test_a_document_is_good_for_as_long_as_it_says_between_bounds(lines: tuple[str, ...], seconds: int) -> None:
    assert good_seconds(InboundResponse(200, tuple(("cache-control", line) for line in lines), b"")) == seconds


@asynccontextmanager
async def of_its_own(folder: Path, internet: Internet) -> AsyncIterator[Login]:
    """An appliance whose clock may be turned, and a client that names its address."""
    async with served(folder / "home", folder / "state", document_sender=internet) as running:
        await begin(running)
        await running.person.call(SetClientMetadataFetching(enabled=True))
        async with running.http() as http:
            yield Login(running, http, client_id=ADDRESS)


async def test_a_document_is_fetched_again_when_it_is_no_longer_good(tmp_path: Path, authority: Authority) -> None:
    internet = Internet()
    async with of_its_own(tmp_path, internet) as login:
        async with internet.publishing(authority, answer(document(), "Cache-Control: max-age=600")):
            await login.open()
            login.running.system.advance(seconds=599)
            await login.open()
            assert len(internet.asked) == 1
            login.running.system.advance(seconds=1)
            await login.open()
            assert len(internet.asked) == 2
        login.running.system.advance(seconds=600)
        async with internet.publishing(authority, answer(document(client_secret="s"))):
            assert (await login.open()).status_code == 400, "what was good once is not used in its place"


async def test_a_document_that_changed_counts_as_it_is_now(tmp_path: Path, authority: Authority) -> None:
    internet = Internet()
    async with of_its_own(tmp_path, internet) as login:
        async with internet.publishing(authority, answer(document())):
            await login.open()
        login.running.system.advance(seconds=3600)
        changed = document(client_name="Another", redirect_uris=["https://client.example.com/cb"])
        async with internet.publishing(authority, answer(changed)):
            assert (await login.open()).status_code == 400
            assert (await login.open(redirect_uri="https://client.example.com/cb")).status_code == 200
        assert "Another" in login.page


async def test_only_so_many_are_fetched_in_a_minute(tmp_path: Path, authority: Authority) -> None:
    internet = Internet()
    async with of_its_own(tmp_path, internet) as login, internet.publishing(authority, answer(b"")):
        statuses = [(await login.open()).status_code for _ in range(FETCHES_A_MINUTE + 1)]
        assert statuses == [400] * FETCHES_A_MINUTE + [429]
        assert len(internet.asked) == FETCHES_A_MINUTE
        login.running.system.advance(seconds=60)
        assert (await login.open()).status_code == 400


# Off, on, off --------------------------------------------------------------------------------------------------------


async def advertised(running: Running) -> Any:
    async with running.http() as http:
        return decoded(await http.get(AUTHORIZATION_SERVER_PATH)).get("client_id_metadata_document_supported")


async def test_nothing_is_offered_and_nothing_is_fetched_until_a_person_says_so(
    tmp_path: Path, authority: Authority
) -> None:
    internet = Internet()
    async with served(tmp_path / "home", tmp_path / "state", document_sender=internet) as running:
        assert await advertised(running) is None, "before there is a vault"
        await begin(running)
        async with running.http() as http:
            login = Login(running, http, client_id=ADDRESS)
            assert await advertised(running) is None
            assert ((await login.open()).status_code, internet.asked) == (400, [])
            assert (await running.person.call(SetClientMetadataFetching(enabled=True))).enabled is True
            assert await advertised(running) is True
            async with internet.publishing(authority, answer(document())):
                assert (await login.open()).status_code == 200
            await running.person.call(SetClientMetadataFetching(enabled=False))
            assert await advertised(running) is None
            assert ((await login.open()).status_code, len(internet.asked)) == (400, 1)


async def test_what_a_person_said_outlives_the_process(tmp_path: Path) -> None:
    async with of_its_own(tmp_path, Internet()) as login:
        assert await advertised(login.running) is True
    async with served(tmp_path / "home", tmp_path / "state") as running:
        assert await advertised(running) is None, "sealed: it cannot be known"


async def test_a_log_in_goes_on_when_fetching_is_ended(tmp_path: Path, authority: Authority) -> None:
    internet = Internet()
    async with of_its_own(tmp_path, internet) as login:
        async with internet.publishing(authority, answer(document())):
            tokens = await login.tokens()
        assert await accepts(login.running, tokens["access_token"])
        await login.running.person.call(SetClientMetadataFetching(enabled=False))
        login.running.system.advance(seconds=3 * 86_400)
        next_tokens = decoded(await login.refresh(tokens["refresh_token"]))
        assert await accepts(login.running, next_tokens["access_token"])
        assert len(internet.asked) == 1


# Impersonation on localhost (O-13) -----------------------------------------------------------------------------------


async def test_who_borrows_a_known_clients_document_on_localhost_is_shown_for_what_it_is(
    tmp_path: Path, authority: Authority
) -> None:
    internet = Internet()
    local = "http://localhost:9999/cb"
    async with of_its_own(tmp_path, internet) as login:
        async with internet.publishing(authority, answer(document(redirect_uris=[local]))):
            await login.open(redirect_uri=local)
            await login.allow()
            await login.open(redirect_uri=local)
        assert "localhost:9999" in login.page
        assert 'class="warn"' in login.page
        assert HOST in login.page
        assert (await login.look()).status_code == 200, "an earlier yes is no yes to this one"
        assert len((await login.running.person.call(ListConsents())).items) == 1
        await login.press("ask")
        (waiting,) = (await login.running.person.call(ListConsentRequests())).items
        assert (waiting.client_id, waiting.redirect_host, waiting.is_loopback) == (ADDRESS, "localhost:9999", True)
