"""Service templates: what is known of a service, read from a TOML file and checked against this schema.

A template is data. A connection keeps its own copy, named by its hash, so that a newer file changes nothing by itself.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from stack_local.domain.actions import OPTIONAL, PLACEHOLDER, Action, Effect, PathPattern, ServiceRules
from stack_local.domain.call_fields import check_path
from stack_local.domain.calls import ALLOWED_HEADERS, READING_METHODS, STRIPPED_HEADERS
from stack_local.domain.errors import Broken, InvalidRequest
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.domain.urls import parse_host_port, parse_url

Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=64)]
ActionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(:[a-z0-9_]+)+$", max_length=80)]
HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://\S+$", max_length=500)]

FILLED = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")
"""A part that is the person's own: `https://{{subdomain}}.zendesk.com`."""

_SEGMENT = re.compile(r"[a-z_][a-z0-9_]*(?:\.\.\.)?")


def filled(text: str, placeholders: Mapping[str, str]) -> str:
    """A host or URL with the person's own parts in it; a part nobody filled in stays, and then fits no call."""
    return FILLED.sub(lambda match: placeholders.get(match[1], match[0]), text)


def fill(text: str, placeholders: Mapping[str, str]) -> str:
    """A host or an address with all of the person's own parts in it.

    Raises:
        InvalidRequest: one of them is missing.
    """

    def part(match: re.Match[str]) -> str:
        value = placeholders.get(match[1])
        if value is None:
            raise InvalidRequest(
                f"{match[1]} is missing", field=f"placeholders.{match[1]}", rule="required for this service"
            )
        return value

    return FILLED.sub(part, text)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class TemplateField(_Part):
    """One field of the credential that a person fills in."""

    name: Name
    label: Words
    hint: Words
    secret: bool = True
    format: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        None, description="Regular expression the whole value matches; only where the service's own documents say so."
    )


class TemplatePlaceholder(_Part):
    """A part of the hosts or the URL that differs from account to account."""

    name: Name
    label: Words
    hint: Words
    format: Annotated[str, StringConstraints(max_length=200)] = r"[a-z0-9][a-z0-9-]*"


class TemplateInjection(_Part):
    """Where the credential goes."""

    style: InjectionStyle
    name: str | None = None
    template: str | None = None
    more: dict[str, str] = Field(default_factory=dict, max_length=3, description="Further headers, `{field}` in them.")


class TemplateScope(_Part):
    """One permission of the service, in plain words."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    words: Words
    needed_for: Literal["read", "write"]
    usual: bool = Field(False, description="Ticked when a person has not chosen.")


class TemplateToken(_Part):
    """How a person makes a credential by hand."""

    url: HttpsUrl = Field(description="Deep link; `{scopes}` stands for the chosen scopes.")
    steps: Words
    scopes_separator: str = ","


class TemplateVerify(_Part):
    """A harmless request that tells whether the credential works."""

    method: Literal["GET", "POST"] = "GET"
    path: Annotated[str, StringConstraints(pattern=r"^/", max_length=300)]
    host: str | None = None
    body: dict[str, Any] | None = None
    ok: str | None = Field(
        None, description="Dotted path that is there, and not null or false, where failures are 200 too."
    )
    account: list[str] = Field(default_factory=list, max_length=4, description="Dotted paths that name the account.")


class TemplateOAuth(_Part):
    """The service's authorization server (RFC 6749, 7636, 8628)."""

    authorization_url: HttpsUrl | None = None
    token_url: HttpsUrl
    device_authorization_url: HttpsUrl | None = None
    revocation_url: HttpsUrl | None = None
    issuer: HttpsUrl | None = Field(None, description="What the `iss` of a redirect must be (RFC 9207).")
    register_url: HttpsUrl = Field(description="Where a person registers an application of their own.")
    scopes_separator: str = " "
    pkce: bool = True
    client_authentication: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_post"
    authorization_parameters: dict[str, str] = Field(default_factory=dict)
    grants: list[Literal["authorization_code", "device_code", "client_credentials"]] = ["authorization_code"]
    scope_parameter: str = "scope"
    token_path: str = Field("access_token", description="Dotted path of the token in the answer.")
    rotates_refresh_tokens: bool = False

    @model_validator(mode="after")
    def _check(self) -> "TemplateOAuth":
        needed = {"authorization_code": self.authorization_url, "device_code": self.device_authorization_url}
        if any(grant in self.grants and url is None for grant, url in needed.items()):
            raise ValueError("a grant has the endpoint it begins at")
        return self


class TemplateExchange(_Part):
    """A credential that is exchanged for short-lived tokens by a signed assertion."""

    kind: Literal["github_app", "google_service_account"]
    token_url: HttpsUrl
    fields: list[TemplateField] = Field(min_length=1, max_length=6)


class TemplateAction(_Part):
    """One thing that can be done at the service."""

    name: ActionName
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, StringConstraints(pattern=r"^/", max_length=300)]
    host: str | None = None
    effect: Effect | None = Field(None, description="Unset: GET and HEAD read, everything else writes.")
    summary: Annotated[str, StringConstraints(min_length=3, max_length=200)] | None = None

    @property
    def settled_effect(self) -> Effect:
        """What it does."""
        return self.effect or (Effect.READ if self.method in ("GET", "HEAD") else Effect.WRITE)

    @model_validator(mode="after")
    def _check(self) -> "TemplateAction":
        if self.summary is None and self.settled_effect is Effect.WRITE:
            raise ValueError("an action that writes has a summary")
        _check_pattern(self.path)
        _check_summary(self.summary or "", self.path)
        return self


def _check_pattern(pattern: str) -> None:
    segments = pattern.split("/")
    names = [match[1] for segment in segments for match in re.finditer(r"\{([^{}]*)\}", segment)]
    if any(not _SEGMENT.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise ValueError("a segment has a lower-case name of its own")
    if any("..." in segment for segment in segments[:-1]):
        raise ValueError("what remains stands at the end")


def _check_summary(sentence: str, pattern: str) -> None:
    for match in PLACEHOLDER.finditer(sentence):
        for path in filter(None, (match[1], match[3])):
            _check_shown(path, pattern)
    if set(PLACEHOLDER.sub("", OPTIONAL.sub(r"\1", sentence))) & set("[]{}"):
        raise ValueError("a brace or bracket of the summary is not closed, or names nothing")
    if any(not PLACEHOLDER.search(part[1]) for part in OPTIONAL.finditer(sentence)):
        raise ValueError("an optional part of the summary has a value")


def _check_shown(path: str, pattern: str) -> None:
    if path.startswith("path."):
        name = path.removeprefix("path.")
        if f"{{{name}}}" not in pattern and f"{{{name}...}}" not in pattern:
            raise ValueError(f"the path has no segment {name}")
        return
    try:
        check_path(path)
    except InvalidRequest as error:
        raise ValueError(error.message) from None


class TemplateChecked(_Part):
    """Against which document of the vendor paths, methods and authentication were compared."""

    document: Words
    on: date


class ServiceTemplate(_Part):
    """What is known of one service. Without hosts it is only a way to send a credential."""

    provider: Slug
    name: Words
    description: Words
    documentation: HttpsUrl | None = None
    checked: TemplateChecked | None = None
    hosts: list[str] = Field(default_factory=list, max_length=12)
    base_url: str | None = Field(None, description="What `/p/{provider}/` stands for.")
    placeholders: list[TemplatePlaceholder] = Field(default_factory=list, max_length=4)
    injection: TemplateInjection
    fields: list[TemplateField] = Field(min_length=1, max_length=6)
    scopes: list[TemplateScope] = Field(default_factory=list, max_length=40)
    token: TemplateToken | None = None
    oauth: TemplateOAuth | None = None
    exchange: TemplateExchange | None = None
    verify: TemplateVerify | None = None
    headers: list[HeaderName] = Field(default_factory=list, max_length=20)
    default_headers: dict[HeaderName, str] = Field(default_factory=dict)
    methods_decide: bool = True
    actions: list[TemplateAction] = Field(default_factory=list, max_length=120)
    idempotency_header: HeaderName | None = None
    request_id_header: HeaderName | None = None
    object_id: str | None = Field(None, description="Dotted path of the id of what a write made.")

    @property
    def is_service(self) -> bool:
        """Whether it names a service, and not only a way to send a credential."""
        return bool(self.hosts)

    @property
    def hash(self) -> str:
        """SHA-256 of the template's one form."""
        return hashlib.sha256(self.document.encode()).hexdigest()

    @property
    def document(self) -> str:
        """The one form that is hashed and kept."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True, separators=(",", ":"))

    def injected(self) -> Injection:
        """Where the credential goes, as the rules see it."""
        spec = self.injection
        return Injection(spec.style, spec.name, spec.template, tuple(spec.more.items()))

    def rules(self, placeholders: Mapping[str, str] | None = None) -> ServiceRules:
        """What the law reads of it, once the person's own parts are known."""
        return ServiceRules(
            version=self.hash,
            actions=tuple(
                Action(
                    one.name,
                    one.method,
                    PathPattern(one.path),
                    one.settled_effect,
                    one.summary,
                    None if one.host is None else filled(one.host, placeholders or {}),
                )
                for one in self.actions
            ),
            methods_decide=self.methods_decide,
            headers=frozenset(self.headers),
            default_headers=tuple(sorted(self.default_headers.items())),
            idempotency_header=self.idempotency_header,
            request_id_header=self.request_id_header,
            object_id=self.object_id,
        )

    @model_validator(mode="after")
    def _check(self) -> "ServiceTemplate":
        if not self.hosts:
            return self
        if self.base_url is None or self.verify is None:
            raise ValueError("a service has a base_url and a verify request")
        known = {placeholder.name for placeholder in self.placeholders}
        _check_hosts(self, known)
        _check_headers(self)
        doubled = [action.name for action in self.actions]
        if len(set(doubled)) != len(doubled):
            raise ValueError("two actions have one name")
        by_reading = [action for action in self.actions if action.method in READING_METHODS]
        if self.methods_decide and any(action.settled_effect is Effect.WRITE for action in by_reading):
            raise ValueError("where a GET writes, methods_decide is false")
        return self


def _check_hosts(template: ServiceTemplate, known: set[str]) -> None:
    for text in (*template.hosts, template.base_url or "", *_addresses(template.oauth)):
        unknown = set(FILLED.findall(text)) - known
        if unknown:
            raise ValueError(f"no placeholder {', '.join(sorted(unknown))}")
    try:
        hosts = {parse_host_port(FILLED.sub("x", host)).host for host in template.hosts}
        base = parse_url(FILLED.sub("x", template.base_url or ""))
    except InvalidRequest as error:
        raise ValueError(error.message) from None
    named = {action.host for action in template.actions if action.host is not None}
    named |= {template.verify.host} if template.verify is not None and template.verify.host is not None else set()
    if base.host not in hosts or {FILLED.sub("x", host) for host in named} - hosts:
        raise ValueError("base_url, verify and actions are on the template's own hosts")


def _addresses(oauth: TemplateOAuth | None) -> tuple[str, ...]:
    """Every address that is asked, or that a person is sent to."""
    if oauth is None:
        return ()
    named = (oauth.authorization_url, oauth.device_authorization_url, oauth.revocation_url, oauth.issuer)
    return (oauth.token_url, *filter(None, named))


def _check_headers(template: ServiceTemplate) -> None:
    ours = STRIPPED_HEADERS | template.injected().headers
    if ours & {*template.headers, *template.default_headers}:
        raise ValueError("an authentication header is never an agent's to set")
    if set(template.default_headers) - {*template.headers, *ALLOWED_HEADERS}:
        raise ValueError("a default header is one that an agent may set")


def read_template(name: str, raw: dict[str, Any]) -> ServiceTemplate:
    """A template from its parsed file.

    Raises:
        Broken: it breaks the schema; says where, never what stood there.
    """
    try:
        return ServiceTemplate.model_validate(raw)
    except ValidationError as invalid:
        errors = invalid.errors(include_input=False, include_url=False)
        said = "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors)
        raise Broken(f"{name}: {said}") from None
