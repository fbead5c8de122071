"""What is filled in to connect a service, and the request and the review that come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError
from textual.content import Content

from stack_local.client import Client
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.services import InjectionStyle
from stack_local.domain.urls import parse_host_port
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent
from stack_local.wire.catalogue import Request
from stack_local.wire.services import ConnectCustomService, InjectionSpec
from tui.format import plural, visible

Asked = TypeVar("Asked", bound=Request[Any])

STYLES = {
    InjectionStyle.BEARER: "Authorization: Bearer …",
    InjectionStyle.HEADER: "a header of its own",
    InjectionStyle.BASIC: "user and password (Basic)",
    InjectionStyle.QUERY: "a query parameter",
    InjectionStyle.TEMPLATE: "a header in words of its own",
}
"""What the dialogue offers."""

MAX_CA_BYTES = 65_536

HTTPS = 443

NAMED = (InjectionStyle.HEADER, InjectionStyle.QUERY, InjectionStyle.TEMPLATE)
"""The styles that need the name of a header or a parameter."""


@dataclass(frozen=True, slots=True)
class Form:
    """A filled-in dialogue. The secret is in no repr."""

    hosts: list[str]
    name: str
    account: str | None
    style: InjectionStyle
    placed: str | None
    template: str | None
    """The header's words, with `{value}` for the secret. A template of several fields is for the command."""
    user: str | None
    secret: str = field(repr=False)
    scopes: list[str]
    asks_everything: bool
    verify_path: str | None
    agent: Agent | None
    ca: str | None = None
    """Whom its hosts may be certified by besides the public authorities, in PEM."""


def read_certificates(path: str) -> str:
    """The certificates in a file.

    Raises:
        InvalidRequest: there is no such file, or it cannot be one; it is not quoted.
    """
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(MAX_CA_BYTES + 1).decode("ascii")
    except (OSError, ValueError, RuntimeError):  # the last: `~somebody` is nobody
        raise InvalidRequest("that file cannot be read", field="CA file", rule="certificates in PEM") from None
    if len(text) > MAX_CA_BYTES:
        raise InvalidRequest("that file is too large", field="CA file", rule=f"at most {MAX_CA_BYTES} bytes")
    return text


def request_of(form: Form) -> ConnectCustomService:
    """The request to connect.

    Raises:
        InvalidRequest: a field is missing or breaks its rule; names the field, never its value.
    """
    if not form.hosts:
        raise InvalidRequest("name at least one host", field="hosts")
    if not form.secret:
        raise InvalidRequest("type the secret", field="secret")
    if form.style in NAMED and form.placed is None:
        raise InvalidRequest("name the header or the parameter", field="in")
    if form.style is InjectionStyle.TEMPLATE and "{value}" not in (form.template or ""):
        raise InvalidRequest("say where the secret stands: {value}", field="words")
    return checked(ConnectCustomService, _values(form))


def checked(kind: type[Asked], values: Mapping[str, object]) -> Asked:
    """The request of these values.

    Raises:
        InvalidRequest: a value breaks its rule; names the field, never the value.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        place = error.errors(include_input=False, include_url=False)[0]["loc"][0]
        raise InvalidRequest(f"{str(place).replace('_', ' ')} breaks its rule", field=str(place)) from None


def _values(form: Form) -> dict[str, object]:
    is_basic = form.style is InjectionStyle.BASIC
    credential: object = SecretStr(form.secret)
    if is_basic:
        credential = {"username": SecretStr(form.user or ""), "password": SecretStr(form.secret)}
    injection = InjectionSpec(
        style=form.style,
        name=form.placed if form.style in NAMED else None,
        template=form.template if form.style is InjectionStyle.TEMPLATE else None,
    )
    values: dict[str, object] = {
        "name": form.name,
        "credential": credential,
        "hosts": form.hosts,
        "injection": injection,
        "scopes": form.scopes,
        "account": form.account,
        "asks_everything": form.asks_everything,
        "verify_path": form.verify_path,
        "ca": form.ca,
    }
    return {name: value for name, value in values.items() if value is not None}


def agent_choice(agent: Agent) -> Content:
    """An agent as one of the choices."""
    return visible(agent.name, 48)


def review(form: Form) -> Content:
    """What will happen, with the number of characters of the secret and none of them."""
    hosts = Content("\n").join([Content.assemble("  ", visible(host, 60)) for host in form.hosts])
    lines = [
        Content.assemble("The secret (", plural(len(form.secret), "character"), ") is kept here. It is sent as"),
        Content.assemble("  ", _sent_as(form)),
        Content("to these hosts and to no other:"),
        hosts,
        Content.assemble(
            "Name ", visible(form.name, 64).stylize("bold"), " · account ", visible(form.account or "not said", 64)
        ),
        Content("Every call asks you." if form.asks_everything else "Reads go out at once, writes ask you."),
        grant_words(form.agent, form.scopes),
        *_cautions(form),
    ]
    return Content("\n").join(lines)


def _cautions(form: Form) -> list[Content]:
    """What weakens the way to the service."""
    cautions = []
    if form.ca is not None:
        cautions.append(Content("! Who holds your CA's key can read the secret on its way."))
    if any(parse_host_port(host).port != HTTPS for host in form.hosts):
        cautions.append(Content("! On a port of its own a host may be used without TLS."))
    return cautions


def _sent_as(form: Form) -> Content:
    """The place of the secret in a request, the secret itself as dots."""
    placed = visible(form.placed or "", 60)
    match form.style:
        case InjectionStyle.HEADER:
            return Content.assemble(placed, ": …")
        case InjectionStyle.QUERY:
            return Content.assemble("?", placed, "=…")
        case InjectionStyle.TEMPLATE:
            return Content.assemble(placed, ": ", visible((form.template or "").replace("{value}", "…"), 60))
        case _:
            return Content(STYLES[form.style])


def grant_words(agent: Agent | None, scopes: Sequence[str]) -> Content:
    """Who may use it at once, and how far."""
    if agent is None:
        return Content("No agent may use it yet.")
    return Content.assemble(visible(agent.name, 48).stylize("bold"), f" may use it at once: {' and '.join(scopes)}.")


async def grant(client: Client, agent: Agent, connection_id: str, scopes: list[str]) -> str:
    """Let the agent use what was just connected; the words of what was done.

    Raises:
        StackError: it was not granted; the connection stands.
    """
    request = checked(
        GrantAgentAccess, {"agent_id": agent.id, "service_connection_id": connection_id, "scopes": scopes}
    )
    await client.call(request)
    return f"connected, and granted to {visible(agent.name, 40).plain}"
