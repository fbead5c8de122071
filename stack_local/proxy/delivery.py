"""Stop 7 of a call: the credential is opened and put in, the request sent, and its answer scrubbed on the way back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from stack_local.domain.call_fields import Absent, at
from stack_local.domain.calls import Call
from stack_local.domain.canonical import read_json
from stack_local.domain.errors import InvalidRequest, StackError, UpstreamFailed
from stack_local.domain.services import Connection
from stack_local.egress.client import Egress, OutboundRequest, Upload
from stack_local.egress.errors import EgressFailed
from stack_local.proxy import inject, refusals
from stack_local.proxy.contents import look_at_answer
from stack_local.proxy.credentials import Credentials, OpenCredential
from stack_local.proxy.forwarding import Sink
from stack_local.proxy.passage import Passage
from stack_local.proxy.responses import Kept, scrubbed
from stack_local.proxy.scrub import Scrubber
from stack_local.store.proxy import NO_RECEIPT, Receipt
from stack_local.system import System

OBJECT_ID_CHARACTERS = 200
"""Of the id of what a write made; a longer one is no id."""

UNAUTHORIZED = 401
"""The status by which a service does not take a credential (RFC 9110, section 15.5.2)."""

ALONE_SECONDS = 60.0
"""How long a write goes on once its caller has hung up, so that its outcome can be known."""


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
    """What came of it: an answer, a failure, or both where the answer broke; and whether a byte may have left."""

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
        self._hear(parcel, response.status, credential)
        kept = scrubbed(response, credential.scrubber)
        suspicion = await look_at_answer(kept.body)
        if suspicion is not None:
            kept = replace(kept, suspicion=suspicion)
        receipt = _receipt(parcel, response.status, response.headers, kept.body, credential.scrubber)
        return Delivered(kept, None, sent=True, receipt=receipt)

    async def stream(self, parcel: Parcel, upload: Upload | None, sink: Sink) -> Delivered:
        """Pass the answer on as it comes. What is short and answers a write is not: its outcome is durable first."""
        try:
            credential = await self._credentials.open(parcel.connection)
            request = self._request(parcel, credential, upload)
        except StackError as refused:
            return Delivered(None, refused, sent=False)
        passage = Passage(parcel.connection.base, credential.scrubber, sink, self._kept_bytes)
        failure: StackError
        sent = True
        try:
            async with _while_awaited(sink, ALONE_SECONDS if parcel.is_write else 0):
                response = await self._egress.open(request)
                self._hear(parcel, response.status, credential)
                await passage.carry(response, is_write=parcel.is_write)
            return _delivered(parcel, passage, credential.scrubber)
        except EgressFailed as failed:
            failure, sent = refusals.not_sent_or_failed(failed), failed.sent
        except TimeoutError:
            # The service has said what became of it; what is left of its answer interests nobody.
            if passage.status is not None:
                return _delivered(parcel, passage, credential.scrubber)
            failure = UpstreamFailed("the caller hung up before the answer was whole", code="CALLER_GONE", sent=True)
        except StackError as stopped:
            # The caller's own body ended early: what the service makes of the part it has is not known.
            failure = stopped
        # How far it came is on record.
        kept = None if passage.status is None else passage.kept
        return Delivered(kept, failure, sent, Receipt(passage.status))

    def _hear(self, parcel: Parcel, status: int, credential: OpenCredential) -> None:
        """What the service says of the credential. The call is not sent again: its caller knows whether it may be."""
        if status == UNAUTHORIZED:
            self._credentials.refused(parcel.connection, credential)

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
            tls=credential.tls,
        )


@asynccontextmanager
async def _while_awaited(sink: Sink, alone_seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError so long after nobody listens any more."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as awaited:
            sink.when_gone(lambda: awaited.reschedule(loop.time() + alone_seconds))
            yield
    finally:
        sink.when_gone(None)


def _delivered(parcel: Parcel, passage: Passage, scrubber: Scrubber) -> Delivered:
    kept = passage.kept
    receipt = _receipt(parcel, kept.status, passage.headers, kept.body, scrubber)
    return Delivered(kept, None, sent=True, receipt=receipt)


def _receipt(
    parcel: Parcel, status: int, headers: Sequence[tuple[str, str]], body: bytes, scrubber: Scrubber
) -> Receipt:
    """What the service itself says: its status, its name for the request, and the id of what a write made."""
    rules = parcel.connection.rules
    named = next((value for name, value in headers if name == rules.request_id_header), None)
    made = _object_id(body, rules.object_id) if parcel.is_write and rules.object_id is not None else None
    request_id = None if named is None else scrubber.clean_text(named)[0][:OBJECT_ID_CHARACTERS]
    return Receipt(status, request_id, made)


def _object_id(body: bytes, path: str) -> str | None:
    try:
        value = at(read_json(body), path)
    except InvalidRequest:
        return None
    is_id = not isinstance(value, Absent | bool) and isinstance(value, str | int)
    return str(value) if is_id and len(str(value)) <= OBJECT_ID_CHARACTERS else None
