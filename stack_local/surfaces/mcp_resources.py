"""What a client may attach to a conversation: three views, each read through the door as any other request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ReadResourceResult, Resource, TextResourceContents

from stack_local.domain.actors import Actor, Kind
from stack_local.domain.errors import StackError
from stack_local.surfaces.errors import text_of
from stack_local.wire.audit import AuditChainHead
from stack_local.wire.catalogue import CATALOGUE, Request, View
from stack_local.wire.passports import GetPassportReport
from stack_local.wire.services import ListServices

JSON = "application/json"

SERVICES = "stack://services"
AUDIT_HEAD = "stack://audit/head"


@dataclass(frozen=True, slots=True)
class Offered:
    """One resource, and the request that answers it for an actor; None where there is nothing for that one."""

    uri: str
    title: str
    description: str
    request_of: Callable[[Actor], Request[Any] | None]


def _own_report(actor: Actor) -> GetPassportReport | None:
    return GetPassportReport(jti=actor.id) if actor.kind is Kind.PASSPORT else None


OFFERED = (
    Offered(
        SERVICES,
        "Services",
        "The services connected for you, and what you may do there.",
        lambda actor: ListServices(connected=True),
    ),
    Offered(
        "stack://passport/current",
        "This passport",
        "What the passport you act under declared, may do and has done.",
        _own_report,
    ),
    Offered(
        AUDIT_HEAD,
        "Head of the audit chain",
        "The sequence and hash of the last record.",
        lambda actor: AuditChainHead(),
    ),
)


def listed(actor: Actor) -> list[Resource]:
    """What this actor may read, always in the same order."""
    return [
        Resource(
            uri=offered.uri,
            name=offered.uri.removeprefix("stack://"),
            title=offered.title,
            description=offered.description,
            mime_type=JSON,
        )
        for offered in OFFERED
        if _may_read(actor, offered.request_of(actor))
    ]


def request_for(actor: Actor, uri: str) -> Request[Any]:
    """The request behind a resource.

    Raises:
        MCPError: there is none of that URI for this actor (SEP-2164: -32602 with the URI in the data).
    """
    request = next((offered.request_of(actor) for offered in OFFERED if offered.uri == uri), None)
    if request is None:
        raise MCPError(INVALID_PARAMS, "there is no such resource; resources/list shows yours", {"uri": uri[:256]})
    return request


def contents(uri: str, view: View) -> ReadResourceResult:
    """The view as JSON."""
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=JSON, text=view.model_dump_json())])


def refused(error: StackError) -> MCPError:
    """A refusal of the door: a resource has no answer in which to say it."""
    return MCPError(INTERNAL_ERROR, text_of(error), {"code": error.code})


def _may_read(actor: Actor, request: Request[Any] | None) -> bool:
    return request is not None and CATALOGUE[type(request)].is_for(actor)
