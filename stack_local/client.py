"""How the person's side asks: the `Client` protocol, and the client that speaks to a live appliance over HTTP.

Beside it, how a command asks the OAuth endpoints of the agents' side.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel, SecretStr

from stack_local.domain import errors
from stack_local.domain.secrets import Secret
from stack_local.wire.catalogue import CATALOGUE, Request, View
from stack_local.wire.vault import ApplianceStatus, GetStatus

Answer = TypeVar("Answer", bound=View)

WAIT_SECONDS = 15
"""How long one look for changes waits at the appliance."""

_CLASSES: dict[int, type[errors.StackError]] = {
    400: errors.InvalidRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    423: errors.Locked,
    429: errors.TooMany,
    501: errors.NotServed,
    502: errors.UpstreamFailed,
    503: errors.Unavailable,
    504: errors.UpstreamTimedOut,
}


class Client(Protocol):
    """The one way of the TUI and the command to the appliance, the same in one process and over a socket."""

    async def call(self, request: Request[Answer]) -> Answer:
        """The answer to one request.

        Raises:
            StackError: the appliance refused; `code`, `message` and `details` are its own.
            Unavailable: nobody answers at the socket.
        """
        ...

    def watch(self) -> AsyncIterator[ApplianceStatus]:
        """The status now, and again each time something changes."""
        ...

    def hold_session(self, session: Secret | None) -> None:
        """Act as this operator session from now on; None forgets it."""
        ...


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For a Unix socket. It trusts nobody; by default httpx reads all public authorities."""


class RemoteClient:
    """A client of a live appliance: over its admin socket, or over TCP with a key."""

    def __init__(
        self, *, socket_path: str | None = None, base_url: str = "http://stack-local", bearer: Secret | None = None
    ):
        transport = httpx.AsyncHTTPTransport(uds=socket_path, verify=_NO_TLS) if socket_path else None
        self._http = httpx.AsyncClient(
            transport=transport, base_url=base_url, timeout=httpx.Timeout(60, connect=5), trust_env=False
        )
        self._bearer = bearer

    def hold_session(self, session: Secret | None) -> None:
        self._bearer = session

    async def call(self, request: Request[Answer]) -> Answer:
        operation = CATALOGUE[type(request)]
        headers = {"Content-Type": "application/json"}
        if self._bearer is not None:
            headers["Authorization"] = f"Bearer {self._bearer.reveal()}"
        try:
            response = await self._http.post(f"/v1/call/{operation.name}", content=encode(request), headers=headers)
        except httpx.HTTPError as error:
            raise errors.Unavailable(
                "no appliance answers", code="NOT_RUNNING", hint="start it with `stack-local`"
            ) from error
        if response.is_success:
            answer: Answer = operation.answer.model_validate_json(response.content)  # type: ignore[assignment]  # the catalogue pairs them
            return answer
        raise error_of(response.status_code, response.content)

    async def watch(self) -> AsyncIterator[ApplianceStatus]:
        status = await self.call(GetStatus())
        while True:
            yield status
            status = await self.call(GetStatus(after_changes=status.changes, wait_seconds=WAIT_SECONDS))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """What an OAuth endpoint said."""

    status: int
    members: Mapping[str, object] = field(repr=False)
    """Of its JSON; none where it said nothing. A token may be among them."""

    @property
    def error(self) -> str | None:
        """The code of a refusal (RFC 6749, section 5.2); None where it was granted."""
        return None if self.status == 200 else str(self.members.get("error"))


class FormClient:
    """A client of the OAuth endpoints of an appliance: forms out, JSON back. It follows no redirect."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=httpx.Timeout(30, connect=5), trust_env=False)

    async def post(self, path: str, form: Mapping[str, str | Secret]) -> FormAnswer:
        """The answer of one endpoint; a refusal is an answer too.

        Raises:
            Unavailable: nobody answers there.
        """
        opened = {name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()}
        try:
            response = await self._http.post(path, data=opened)
        except httpx.HTTPError:
            # Without its cause, which holds the request and with it the form.
            raise errors.Unavailable(
                "no appliance answers", code="NOT_RUNNING", hint="start it with `stack-local`"
            ) from None
        return FormAnswer(response.status_code, _members(response.status_code, response.content))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _members(status: int, body: bytes) -> dict[str, object]:
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise errors.Unavailable(f"what answers there is no appliance: {status} without a JSON object", code="NOT_OURS")
    return members


def encode(request: BaseModel) -> bytes:
    """A request as JSON, with its secrets open: for the wire to the appliance and for nothing else."""
    return json.dumps(request.model_dump(exclude_unset=True), default=_open).encode()


def _open(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, datetime):
        return value.isoformat()
    raise errors.Broken(f"{type(value).__name__} does not cross the wire")


def error_of(status: int, body: bytes) -> errors.StackError:
    """The error that an answer's envelope holds."""
    try:
        envelope = json.loads(body)["error"]
        message, code, details = envelope["message"], envelope["code"], envelope.get("details", {})
    except (ValueError, KeyError, TypeError):
        return errors.Broken(f"the appliance answered {status} without an error envelope")
    refused = _CLASSES.get(status, errors.Broken)(message, code=code)
    refused.details = details
    return refused
