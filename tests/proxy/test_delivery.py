"""Sending what was let out: the credential put in, the service's own word in the receipt, and what a hang-up ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import pytest

from stack_local.domain.actions import ServiceRules
from stack_local.domain.errors import InvalidRequest, Locked, StackError, UpstreamTimedOut
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HostPort, parse_url
from stack_local.egress.client import Upload
from stack_local.egress.limits import Limits
from stack_local.proxy import delivery
from stack_local.proxy.credentials import Credentials, OpenCredential
from stack_local.proxy.delivery import Delivered, Delivery, Parcel
from stack_local.proxy.scrub import Scrubber
from stack_local.store.proxy import Receipt
from tests.domain.samples import CALL, CONNECTION, NOW
from tests.simulators.clock import TestSystem
from tests.simulators.egress import opened
from tests.simulators.listener import Listener
from tests.simulators.stepped import EVENTS, OK_CHUNKED, Stepped, Wire, chunk, stepped

SECRET = "upstream-secret-9f8e"
EVENT = b"data: x\n\n"
RULES = ServiceRules(idempotency_header="idempotency-key", request_id_header="request-id", object_id="id")
MADE = b'{"id":"ch_9"}'
CREATED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nRequest-Id: req_7\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(MADE), MADE)
)


class Opened:
    """Credentials that are open, or refuse."""

    def __init__(self, refusal: StackError | None = None) -> None:
        self._refusal = refusal

    async def open(self, connection: object) -> OpenCredential:
        if self._refusal is not None:
            raise self._refusal
        secret = Secret(SECRET)
        return OpenCredential({"value": secret}, Scrubber([secret]), b"sealed", NOW)

    def refused(self, connection: object, known: OpenCredential) -> None:
        """The service answered 401."""


@dataclass
class Stage:
    """A delivery, the service it sends to and who listens."""

    service: Stepped
    delivery: Delivery
    listener: Listener

    def parcel(self, *, is_write: bool = True, rules: ServiceRules = RULES, **changes: object) -> Parcel:
        host = HostPort("127.0.0.1", self.service.port)
        url = parse_url(f"http://{host.text}/v1/things?dry=1")
        method = "POST" if is_write else "GET"
        body = CALL.body if is_write else None
        call = replace(CALL, **{"url": url, "method": method, "body": body, **changes})
        return Parcel(replace(CONNECTION, hosts=(host,), rules=rules), call, "opn_1", is_write)

    def stream(self, parcel: Parcel, upload: Upload | None = None) -> "asyncio.Task[Delivered]":
        return asyncio.create_task(self.delivery.stream(parcel, upload, self.listener))

    async def accept(self) -> tuple[Wire, bytes]:
        """The service's end of the next exchange, and its head."""
        wire = await self.service.accept()
        return wire, (await wire.head()).lower()


@asynccontextmanager
async def staged(refusal: StackError | None = None, limits: Limits | None = None) -> AsyncIterator[Stage]:
    async with stepped() as service, opened(limits=limits) as egress:
        credentials = cast(Credentials, Opened(refusal))
        yield Stage(service, Delivery(egress, credentials, TestSystem(), kept_bytes=1000), Listener())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as found:
        yield found


async def exchanged(stage: Stage, parcel: Parcel, answer: bytes) -> tuple[Delivered, bytes]:
    """What came of it, and the head the service saw."""
    streaming = stage.stream(parcel)
    wire, head = await stage.accept()
    await wire.say(answer)
    return await asyncio.wait_for(streaming, 20), head


async def test_the_credential_and_the_operations_key_go_along(stage: Stage) -> None:
    delivered, head = await exchanged(stage, stage.parcel(), CREATED)
    assert head.startswith(b"post /v1/things?dry=1 http/1.1\r\n")
    assert f"authorization: bearer {SECRET}\r\n".encode() in head
    assert b"idempotency-key: opn_1\r\n" in head
    assert (delivered.failure, delivered.sent) == (None, True)


KEYLESS = [
    ("a read", {"is_write": False}, b"opn_1"),
    ("a service without a key", {"rules": ServiceRules()}, b"opn_1"),
    ("a caller with its own", {"headers": (("idempotency-key", "its-own"),)}, b"opn_1"),
]


@pytest.mark.parametrize(("changes", "key"), [row[1:] for row in KEYLESS], ids=[row[0] for row in KEYLESS])
async def test_no_key_of_ours_goes_along_with(changes: dict[str, bool], key: bytes, stage: Stage) -> None:
    _, head = await exchanged(stage, stage.parcel(**changes), CREATED)
    assert key not in head


async def test_the_receipt_is_the_services_own_word(stage: Stage) -> None:
    delivered, _ = await exchanged(stage, stage.parcel(), CREATED)
    assert delivered.receipt == Receipt(201, "req_7", "ch_9")
    assert delivered.kept is not None
    assert (delivered.kept.body, stage.listener.has_begun) == (MADE, False)


async def test_a_read_makes_nothing(stage: Stage) -> None:
    delivered, _ = await exchanged(stage, stage.parcel(is_write=False), CREATED)
    assert delivered.receipt == Receipt(201, "req_7", None)
    assert delivered.kept is not None
    # It says that it is short: whoever asked gives it out in one piece.
    assert (delivered.kept.body, stage.listener.has_begun) == (MADE, False)


NO_OBJECT = [b'{"id":true}', b'{"id":null}', b'{"id":[1]}', b"{}", b"[]", b"not JSON", b'{"id":"%b"}' % (b"x" * 201)]


@pytest.mark.parametrize("body", NO_OBJECT)
async def test_what_is_no_id_is_none(body: bytes, stage: Stage) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    delivered, _ = await exchanged(stage, stage.parcel(), answer)
    assert delivered.receipt == Receipt(200, None, None)


async def test_a_request_id_that_echoes_the_credential_is_scrubbed(stage: Stage) -> None:
    delivered, _ = await exchanged(stage, stage.parcel(), CREATED.replace(b"req_7", SECRET.encode()))
    assert delivered.receipt.request_id == "[redacted]"


async def test_without_the_credential_nothing_is_sent() -> None:
    async with staged(Locked("the vault is locked")) as stage:
        delivered = await stage.stream(stage.parcel())
        assert (type(delivered.failure), delivered.sent) == (Locked, False)
        assert stage.service.is_untouched


async def test_a_service_that_cannot_be_reached_was_sent_nothing() -> None:
    async with staged() as stage:
        delivered = await stage.stream(stage.parcel(url=parse_url("http://127.0.0.1:1/")))
        assert delivered.failure is not None
        assert (delivered.kept, delivered.failure.details["rule"], delivered.sent) == (None, "egress_denied", False)


async def test_an_answer_that_breaks_says_how_far_it_came(stage: Stage) -> None:
    streaming = stage.stream(stage.parcel(is_write=False))
    wire, _ = await stage.accept()
    await wire.say(EVENTS + chunk(EVENT))
    await stage.listener.until(lambda: stage.listener.body == EVENT)
    wire.close()
    delivered = await asyncio.wait_for(streaming, 20)
    assert delivered.failure is not None
    assert delivered.kept is not None
    assert (delivered.failure.code, delivered.sent) == ("CONNECTION_RESET", True)
    assert (delivered.kept.is_whole, delivered.kept.passed_bytes) == (False, len(EVENT))
    assert (delivered.receipt.status, stage.listener.is_whole) == (200, False)


# A caller that hangs up ----------------------------------------------------------------------------------------------


async def test_a_read_ends_with_its_caller_though_the_service_is_silent(stage: Stage) -> None:
    streaming = stage.stream(stage.parcel(is_write=False))
    wire, _ = await stage.accept()
    await wire.say(EVENTS + chunk(EVENT))
    await stage.listener.until(lambda: stage.listener.body == EVENT)
    stage.listener.hang_up()
    delivered = await asyncio.wait_for(streaming, 20)
    assert await wire.rest() == b""
    assert delivered.kept is not None
    assert (delivered.failure, delivered.kept.is_whole, delivered.kept.passed_bytes) == (None, False, len(EVENT))


async def test_a_read_ends_with_its_caller_before_there_is_an_answer(stage: Stage) -> None:
    streaming = stage.stream(stage.parcel(is_write=False))
    wire, _ = await stage.accept()
    stage.listener.hang_up()
    delivered = await asyncio.wait_for(streaming, 20)
    assert await wire.rest() == b""
    assert delivered.failure is not None
    assert (delivered.kept, delivered.failure.code, delivered.sent) == (None, "CALLER_GONE", True)


async def test_a_read_of_a_caller_that_has_gone_already_does_not_go_on(stage: Stage) -> None:
    stage.listener.hang_up()
    delivered = await asyncio.wait_for(stage.stream(stage.parcel(is_write=False)), 20)
    assert delivered.failure is not None
    assert delivered.failure.code == "CALLER_GONE"


@pytest.mark.parametrize("head", [CREATED, EVENTS + chunk(MADE) + chunk(b"")], ids=["held", "events"])
async def test_a_write_goes_on_without_its_caller_and_its_answer_is_kept(head: bytes, stage: Stage) -> None:
    streaming = stage.stream(stage.parcel())
    wire, _ = await stage.accept()
    stage.listener.hang_up()
    await wire.say(head)
    delivered = await asyncio.wait_for(streaming, 20)
    assert delivered.kept is not None
    assert (delivered.failure, delivered.kept.body, delivered.kept.is_whole) == (None, MADE, True)


async def test_a_write_that_nobody_waits_for_is_given_up_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ALONE_SECONDS", 0.05)
    streaming = stage.stream(stage.parcel())
    wire, _ = await stage.accept()
    stage.listener.hang_up()
    delivered = await asyncio.wait_for(streaming, 20)
    assert await wire.rest() == CALL.body
    assert delivered.failure is not None
    assert (delivered.kept, delivered.failure.code, delivered.sent) == (None, "CALLER_GONE", True)


async def test_of_a_write_that_nobody_waits_for_the_services_status_is_enough(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ALONE_SECONDS", 0.05)
    streaming = stage.stream(stage.parcel())
    wire, _ = await stage.accept()
    await wire.say(EVENTS + chunk(EVENT))
    await stage.listener.until(lambda: stage.listener.body == EVENT)
    stage.listener.hang_up()
    delivered = await asyncio.wait_for(streaming, 20)
    assert await wire.rest() == CALL.body
    assert delivered.kept is not None
    assert (delivered.failure, delivered.receipt.status, delivered.kept.is_whole) == (None, 200, False)


async def test_a_body_that_its_caller_cut_short_may_have_had_its_effect(stage: Stage) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"begun"
        raise InvalidRequest("the caller hung up")

    parcel = stage.parcel(body=None, is_streamed=True)
    streaming = stage.stream(parcel, Upload(pieces(), None))
    wire, head = await stage.accept()
    delivered = await asyncio.wait_for(streaming, 20)
    assert b"transfer-encoding: chunked" in head
    assert await wire.rest() == chunk(b"begun")
    assert (type(delivered.failure), delivered.sent) == (InvalidRequest, True)


async def test_a_service_that_does_not_answer_in_time_may_have_acted() -> None:
    async with staged(limits=Limits(stream_head_seconds=0.05)) as stage:
        delivered = await asyncio.wait_for(stage.stream(stage.parcel()), 20)
        assert (type(delivered.failure), delivered.sent) == (UpstreamTimedOut, True)


# A whole answer ------------------------------------------------------------------------------------------------------


async def test_a_call_that_is_not_streamed_gets_the_same_receipt(stage: Stage) -> None:
    sending = asyncio.create_task(stage.delivery.send(stage.parcel()))
    wire, _ = await stage.accept()
    await wire.say(CREATED)
    delivered = await asyncio.wait_for(sending, 20)
    assert delivered.kept is not None
    assert (delivered.kept.body, delivered.receipt) == (MADE, Receipt(201, "req_7", "ch_9"))


async def test_a_call_that_is_not_streamed_fails_with_its_service(stage: Stage) -> None:
    sending = asyncio.create_task(stage.delivery.send(stage.parcel()))
    wire, _ = await stage.accept()
    await wire.say(OK_CHUNKED)
    wire.close()
    delivered = await asyncio.wait_for(sending, 20)
    assert (delivered.kept, delivered.sent) == (None, True)


async def test_a_call_that_is_not_streamed_needs_the_credential_too() -> None:
    async with staged(Locked("the vault is locked")) as stage:
        delivered = await stage.delivery.send(stage.parcel())
        assert (type(delivered.failure), delivered.sent) == (Locked, False)
