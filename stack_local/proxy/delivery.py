"""Stop 7 of a call: the credential is opened and put in, the request sent, and its answer scrubbed on the way back."""

from dataclasses import dataclass

from stack_local.domain.call_fields import Absent, at
from stack_local.domain.calls import Call
from stack_local.domain.canonical import read_json
from stack_local.domain.errors import InvalidRequest, StackError
from stack_local.domain.services import Connection
from stack_local.egress.client import Egress, InboundResponse, OutboundRequest, StreamedResponse, Upload
from stack_local.egress.errors import EgressFailed
from stack_local.proxy import inject, refusals
from stack_local.proxy.credentials import Credentials, OpenCredential
from stack_local.proxy.forwarding import Sink
from stack_local.proxy.responses import Kept, forwarded_headers, scrubbed
from stack_local.proxy.scrub import Scrubber
from stack_local.store.proxy import NO_RECEIPT, Receipt
from stack_local.system import System

OBJECT_ID_CHARACTERS = 200
"""Of the id of what a write made; a longer one is no id."""

EVENT_STREAM = "text/event-stream"
"""Server-sent events are passed on at once, also where they answer a write."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One call on its way out."""

    connection: Connection
    call: Call
    key: str
    """What a service that makes writes once is told: the operation's id, or one made of the one its caller chose."""
    is_write: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it: an answer or a failure, and whether a byte may have left."""

    kept: Kept | None
    failure: StackError | None
    sent: bool
    receipt: Receipt = NO_RECEIPT


class Delivery:
    """Sends calls that were let out."""

    def __init__(self, egress: Egress, credentials: Credentials, system: System, *, kept_bytes: int) -> None:
        """`kept_bytes`: of a streamed answer, to give it out again."""
        self._egress = egress
        self._system = system
        self._credentials = credentials
        self._kept_bytes = kept_bytes

    async def send(self, parcel: Parcel) -> Delivered:
        """The whole scrubbed answer, or the failure."""
        try:
            credential = await self._credentials.open(parcel.connection)
            request = self._request(parcel, credential)
        except StackError as refused:
            return Delivered(None, refused, sent=False)
        try:
            response = await self._egress.send(request)
        except EgressFailed as failed:
            return Delivered(None, refusals.not_sent_or_failed(failed), failed.sent)
        kept = scrubbed(response, credential.scrubber)
        return Delivered(kept, None, sent=True, receipt=_receipt(parcel, response, kept.body, credential.scrubber))

    async def stream(self, parcel: Parcel, upload: Upload | None, sink: Sink) -> Delivered:
        """Pass the answer on as it comes. What is short and answers a write is not: its outcome is durable first."""
        try:
            credential = await self._credentials.open(parcel.connection)
            request = self._request(parcel, credential, upload)
        except StackError as refused:
            return Delivered(None, refused, sent=False)
        try:
            response = await self._egress.open(request)
            return await self._passed_on(parcel, response, credential, sink)
        except EgressFailed as failed:
            return Delivered(None, refusals.not_sent_or_failed(failed), failed.sent)
        except StackError as stopped:
            # The caller's own body ended early: what the service makes of the part it has is not known.
            return Delivered(None, stopped, sent=True)

    async def _passed_on(
        self, parcel: Parcel, response: StreamedResponse, credential: OpenCredential, sink: Sink
    ) -> Delivered:
        headers, redacted = forwarded_headers(response.headers, credential.scrubber)
        scrubbing, held = credential.scrubber.stream(), bytearray()
        is_held_back = parcel.is_write and not headers.get("content-type", "").startswith(EVENT_STREAM)
        has_begun, listens, is_whole = False, True, True
        try:
            if not is_held_back:
                has_begun = True
                await sink.begin(response.status, headers)
            async for piece in response.pieces():
                passed = scrubbing.feed(piece)
                if is_whole:
                    held += passed
                    is_whole = len(held) <= self._kept_bytes
                if is_held_back and is_whole:
                    continue
                if not has_begun:
                    has_begun, passed = True, bytes(held)
                    await sink.begin(response.status, headers)
                if not is_whole:
                    held.clear()
                listens = listens and await sink.pass_on(passed)
                if not listens and not parcel.is_write:
                    break
        finally:
            response.close()
        last = scrubbing.end()
        if is_whole:
            held += last
        if has_begun:
            await sink.pass_on(last)
            await sink.end()
        redacted = redacted or scrubbing.redacted
        kept = Kept(response.status, headers, bytes(held), redacted, is_whole=is_whole)
        return Delivered(kept, None, sent=True, receipt=_receipt(parcel, response, kept.body, credential.scrubber))

    def _request(self, parcel: Parcel, credential: OpenCredential, upload: Upload | None = None) -> OutboundRequest:
        connection, call = parcel.connection, parcel.call
        injected = inject.inject(call, connection.injection, credential.fields, at=self._system.now())
        name = connection.rules.idempotency_header
        needs_key = parcel.is_write and name is not None and all(known != name for known, _ in call.headers)
        return OutboundRequest(
            method=call.method,
            url=injected.url,
            headers=(*injected.headers, (name, parcel.key)) if needs_key and name is not None else injected.headers,
            body=call.body or b"",
            pool_key=f"{connection.id}.{connection.credential_version}",
            private_allowed=frozenset(connection.hosts),
            upload=upload,
        )


def _receipt(parcel: Parcel, response: InboundResponse | StreamedResponse, body: bytes, scrubber: Scrubber) -> Receipt:
    """What the service itself says: its status, its name for the request, and the id of what a write made."""
    rules = parcel.connection.rules
    named = next((value for name, value in response.headers if name == rules.request_id_header), None)
    made = _object_id(body, rules.object_id) if parcel.is_write and rules.object_id is not None else None
    request_id = None if named is None else scrubber.clean_text(named)[0][:OBJECT_ID_CHARACTERS]
    return Receipt(response.status, request_id, made)


def _object_id(body: bytes, path: str) -> str | None:
    try:
        value = at(read_json(body), path)
    except InvalidRequest:
        return None
    is_id = not isinstance(value, Absent | bool) and isinstance(value, str | int)
    return str(value) if is_id and len(str(value)) <= OBJECT_ID_CHARACTERS else None
