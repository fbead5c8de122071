"""The services of the catalogue as a person picks one, fills it in and reviews it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import SecretStr
from textual.content import Content

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.agents import Agent
from stack_local.wire.connecting import ConnectService
from stack_local.wire.services import CredentialField, CredentialTemplate, TemplateScope
from tui.connecting import checked, grant_words
from tui.format import column, fitted, plural, visible

TOKEN, KEY = "token", "key"
WAYS = {
    TOKEN: "a token or key made by hand",
    KEY: "a key that earns tokens",
    "authorization_code": "log in at the service (OAuth, own app)",
    "device_code": "log in by a code (OAuth, own app)",
    "client_credentials": "the app's own token (OAuth, own app)",
}
"""How a credential is had: by hand, or by one of the wire's flows."""

REDIRECT_PATH = "/connect/callback"
"""Where a log-in comes back to, below the appliance's address; the person registers it with their application."""

_PART = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")
_SENT_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""A scope as the wire takes it (RFC 6749, section 3.3). What has another form stands in the link alone."""

NAME_WIDTH, CHECKED_WIDTH = 20, 10


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person took from the catalogue."""

    template: CredentialTemplate | None
    """None is a service of their own."""


@dataclass(frozen=True, slots=True)
class KnownForm:
    """A filled-in form of a known service. What is secret is in no repr."""

    template: CredentialTemplate
    way: str
    placeholders: dict[str, str]
    service_scopes: list[str]
    """The service's own."""
    name: str | None
    account: str | None
    scopes: list[str]
    """Ours: read, write."""
    asks_everything: bool
    client_id: str | None
    agent: Agent | None
    proposal_id: str | None
    typed: dict[str, str] = field(repr=False)
    client_secret: str | None = field(repr=False)


def checked_words(*, is_checked: bool) -> str:
    """Whether the template was compared with the vendor's own document, in a word."""
    return "verified" if is_checked else "unverified"


def matches(template: CredentialTemplate, typed: str) -> bool:
    """Whether what was typed stands in its name, its id or one of its hosts."""
    wanted = typed.strip().casefold()
    return any(wanted in text.casefold() for text in (template.name, template.provider, *template.hosts))


def choice_row(template: CredentialTemplate, width: int) -> Content:
    """One service of the list, its hosts first."""
    room = width - NAME_WIDTH - CHECKED_WIDTH - 2
    hosts = " ".join(shown_host(host, {}) for host in template.hosts)
    parts = [
        column(fitted(hosts, room), room),
        column(fitted(template.name, NAME_WIDTH), NAME_WIDTH),
        Content(checked_words(is_checked=template.checked)),
    ]
    return Content(" ").join(parts)


def shown_host(host: str, placeholders: Mapping[str, str]) -> str:
    """A host with the parts that are typed already, the others as `{site}`."""
    return _PART.sub(lambda part: placeholders.get(part[1]) or f"{{{part[1]}}}", host)


def ways_of(template: CredentialTemplate) -> list[str]:
    """How its credential can be had; by hand first."""
    return [TOKEN, *(flow for flow in template.flows if flow in WAYS), *([KEY] if template.key_fields else [])]


def fields_of(template: CredentialTemplate, way: str) -> list[CredentialField]:
    """What is typed for this way."""
    match way:
        case "token":
            return template.fields
        case "key":
            return template.key_fields
        case _:
            return []


def token_link(template: CredentialTemplate, scopes: list[str]) -> str | None:
    """Where a token is made, with these scopes in the address, percent-encoded (RFC 3986, section 2.1)."""
    if template.token_url is None:
        return None
    joined = (template.token_scopes_separator or ",").join(scopes)
    return template.token_url.replace("{scopes}", quote(joined, safe=""))


def scope_words(scope: TemplateScope) -> Content:
    """One permission as it is ticked: what it allows, and what it is called there."""
    return Content.assemble(
        scope.needed_for, ": ", visible(scope.words, 80), "  ", (visible(scope.name, 60).plain, "dim")
    )


def request_of(form: KnownForm) -> ConnectService:
    """The request to connect.

    Raises:
        InvalidRequest: a field is missing or breaks its rule; names the field, never its value.
    """
    _check_filled(form)
    credential = {name: SecretStr(value) for name, value in form.typed.items() if value}
    values: dict[str, object] = {
        "service_id": form.template.provider,
        "scopes": [*form.scopes, *filter(_SENT_SCOPE.fullmatch, form.service_scopes)],
        "credential": credential or None,
        "placeholders": form.placeholders,
        "name": form.name,
        "account": form.account,
        "asks_everything": form.asks_everything,
        "proposal_id": form.proposal_id,
    }
    if form.way not in (TOKEN, KEY):
        secret = None if form.client_secret is None else SecretStr(form.client_secret)
        values |= {"flow": form.way, "client_id": form.client_id, "client_secret": secret}
    return checked(ConnectService, {name: value for name, value in values.items() if value is not None})


def _check_filled(form: KnownForm) -> None:
    for part in form.template.placeholders:
        if not form.placeholders.get(part.name):
            raise InvalidRequest(f"type the {part.label.lower()}", field=f"placeholders.{part.name}")
    fields = fields_of(form.template, form.way)
    missing = [known for known in fields if not form.typed.get(known.name)]
    # A token may have a field that most leave empty; the appliance knows which ones it sends. A key is whole or none.
    if missing and (form.way == KEY or len(missing) == len(fields)):
        raise InvalidRequest(f"type the {missing[0].label.lower()}", field=f"credential.{missing[0].name}")
    if not form.scopes:
        raise InvalidRequest("tick read, write or both", field="scopes")


def review(form: KnownForm) -> Content:
    """What will happen: the hosts first, and of each secret the number of its characters."""
    hosts = [visible(shown_host(host, form.placeholders), 253) for host in form.template.hosts]
    account = visible(form.account or "not said", 64)
    lines = [
        Content.assemble("To ", Content(", ").join(hosts).stylize("bold"), " and to no other host goes"),
        _credential_words(form),
        Content.assemble("Name ", visible(form.name or form.template.name, 64).stylize("bold"), " · account ", account),
        Content.assemble("Permissions there: ", visible(", ".join(form.service_scopes) or "not said here", 300)),
        Content("Every call asks you." if form.asks_everything else "Reads go out at once, writes ask you."),
        grant_words(form.agent, form.scopes),
    ]
    return Content("\n").join(lines)


def _credential_words(form: KnownForm) -> Content:
    if form.way not in (TOKEN, KEY):
        return Content.assemble("what comes of: ", WAYS[form.way])
    typed = [
        Content.assemble(visible(known.label, 40), f" ({plural(len(form.typed.get(known.name, '')), 'character')})")
        for known in fields_of(form.template, form.way)
    ]
    return Content(", ").join(typed)
