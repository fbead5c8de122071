"""Putting a credential into a request. Pure: the credential comes in, the headers and the URL go out."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from stack_local.domain.calls import Call
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.domain.urls import Url
from stack_local.egress import tls
from stack_local.proxy import sigv4
from stack_local.proxy.aws_hosts import scope_of_host
from stack_local.proxy.scrub import SHORTEST
from stack_local.proxy.sigv4 import Scope

USER_NAME = "username"
"""The field of a basic credential that is no secret."""

SINGLE = "value"
"""The field of a credential that is one string."""

_SENDABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")

Fields = Mapping[str, Secret]
"""A credential: one secret per field."""


@dataclass(frozen=True, slots=True)
class Injected:
    """What the credential adds to a call. Never logged, never stored."""

    url: Url
    headers: tuple[tuple[str, str], ...]


def check(injection: Injection, fields: Fields) -> None:
    """Refuse at connect what could not be sent later.

    Raises:
        InvalidRequest: a field is missing, or holds characters that cannot be in a header.
    """
    for name in required_fields(injection):
        if name not in fields:
            raise InvalidRequest(
                f"the credential has no field {name}",
                field="credential",
                rule="the fields its injection names: " + ", ".join(required_fields(injection)),
            )
    for name, secret in ((name, secret) for name, secret in fields.items() if name not in tls.FIELDS):
        if name != USER_NAME and len(secret.reveal()) < SHORTEST:
            raise InvalidRequest(
                f"the credential's field {name} is too short to be found in an answer",
                field=f"credential.{name}",
                rule=f"at least {SHORTEST} characters",
                hint="a real key is longer",
            )
        if not _SENDABLE.fullmatch(secret.reveal()):
            raise InvalidRequest(
                f"the credential's field {name} holds characters that cannot be sent",
                field=f"credential.{name}",
                rule="printable ASCII without blanks at its ends",
                hint="paste it again, without the line break",
            )


def required_fields(injection: Injection) -> tuple[str, ...]:
    """The fields a credential must have for its injection."""
    if injection.style is InjectionStyle.BASIC:
        return (USER_NAME, "password")
    if injection.style is InjectionStyle.AWS_SIGV4:
        return ("access_key_id", "secret_access_key")
    usual = "" if injection.style is InjectionStyle.TEMPLATE else "{value}"
    texts = [injection.template or usual, *(value for _, value in injection.more)]
    return tuple(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))


def check_style(injection: Injection) -> None:
    """Refuse an injection that says too little.

    Raises:
        InvalidRequest: a header, query or template style without its name or template.
    """
    needs_name = injection.style in (InjectionStyle.HEADER, InjectionStyle.QUERY)
    if needs_name and not injection.name:
        raise InvalidRequest("the injection names no header or parameter", field="injection.name", rule="required here")
    if injection.style is InjectionStyle.TEMPLATE and not _PLACEHOLDER.search(injection.template or ""):
        raise InvalidRequest(
            "the template names no field", field="injection.template", rule="at least one {field}", hint="Token {value}"
        )
    if injection.template and not _SENDABLE.fullmatch(injection.template):
        raise InvalidRequest("the template cannot be sent", field="injection.template", rule="printable ASCII")


def inject(call: Call, injection: Injection, fields: Fields, *, at: datetime) -> Injected:
    """The call's URL and headers with the credential in its one place; `at` is the time a signature says.

    Raises:
        InvalidRequest: the call cannot be signed.
    """
    headers = list(call.headers)
    if call.content_type is not None:
        headers.append(("content-type", call.content_type))
    if injection.style is InjectionStyle.AWS_SIGV4:
        return Injected(call.url, (*headers, *_signature(call, injection, fields, headers, at)))
    if injection.query is not None:
        return Injected(_with_parameter(call.url, injection.query, fields[SINGLE]), tuple(headers))
    headers.extend((name, _filled(value, fields)) for name, value in injection.more)
    if injection.style is InjectionStyle.PATH:
        prefix = _filled(injection.template or "/{value}", fields)
        return Injected(replace(call.url, raw_path=prefix + call.url.raw_path), tuple(headers))
    headers.append((injection.header or "Authorization", _header_value(injection, fields)))
    return Injected(call.url, tuple(headers))


def _signature(
    call: Call, injection: Injection, fields: Fields, headers: list[tuple[str, str]], at: datetime
) -> tuple[tuple[str, str], ...]:
    """AWS Signature Version 4; service and region as the host tells them, else as the person said."""
    region = fields["region"].reveal() if "region" in fields else ""
    scope = scope_of_host(call.url.host) or Scope(injection.name or "", region)
    return sigv4.sign(
        method=call.method,
        url=call.url,
        headers=tuple(headers),
        body=None if call.is_streamed else call.body or b"",
        access_key_id=fields["access_key_id"].reveal(),
        secret_access_key=fields["secret_access_key"],
        session_token=fields.get("session_token"),
        region=scope.region,
        service=scope.service,
        at=at,
    )


def _with_parameter(url: Url, name: str, secret: Secret) -> Url:
    pair = f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}"
    return replace(url, raw_query=f"{url.raw_query}&{pair}" if url.raw_query else pair)


def _header_value(injection: Injection, fields: Fields) -> str:
    match injection.style:
        case InjectionStyle.BASIC:
            pair = f"{fields['username'].reveal()}:{fields['password'].reveal()}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
        case InjectionStyle.TEMPLATE:
            return _filled(injection.template or "", fields)
        case InjectionStyle.HEADER:
            return fields[SINGLE].reveal()
        case _:
            return "Bearer " + fields[SINGLE].reveal()


def _filled(text: str, fields: Fields) -> str:
    return _PLACEHOLDER.sub(lambda match: fields[match[1]].reveal(), text)
