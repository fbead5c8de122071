"""Against phishing at connect: a secret of another service, and a host that may be taken for a known one."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from stack_local.domain.errors import Forbidden, InvalidRequest
from stack_local.domain.lookalikes import find_lookalike, foreign_format
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import parse_host_port
from stack_local.operations.context import Context
from stack_local.service_templates import FILLED, ServiceTemplate
from stack_local.vault.references import names_reference


def check_secrets(
    ctx: Context, fields: Mapping[str, Secret], template: ServiceTemplate | None, *, is_confirmed: bool
) -> None:
    """Refuse a secret in another form than its service's, unless a person says that it is right.

    Raises:
        Forbidden: it names where a secret is kept, and no person does.
        InvalidRequest: names the field, and the service whose secrets look like it; never the secret.
    """
    if names_reference(fields) and not ctx.actor.is_person:
        # It would name any secret of the person's, for hosts of its own choice.
        raise Forbidden(
            "where a secret is kept is a person's to name",
            rule="reference",
            field="credential",
            hint="propose the connection with stack_propose_connection; a person fills it in",
        )
    if (is_confirmed and ctx.actor.is_person) or names_reference(fields):
        return
    own = None if template is None else template.provider
    forms = _forms(tuple(ctx.core.plugins.templates.values()))
    for name, secret in fields.items():
        other = foreign_format(secret, forms, own=own)
        if other is not None:
            looks_like = ctx.core.plugins.templates[other].name
            raise _refused(f"the field {name} looks like a secret of {looks_like}", name, f"not one of {looks_like}")
    for known in () if template is None else template.fields:
        secret_of_it = fields.get(known.name)
        is_other = known.format is not None and secret_of_it is not None and not _is_of(secret_of_it, known.format)
        if is_other:
            raise _refused(f"the field {known.name} does not look like {known.label.lower()}", known.name, known.hint)


def check_hosts(ctx: Context, hosts: Iterable[str], *, is_confirmed: bool) -> None:
    """Refuse a host that may be taken for one of a known service, unless a person says that it is right.

    Raises:
        InvalidRequest: names the host, and what it resembles.
    """
    if is_confirmed and ctx.actor.is_person:
        return
    known = _known_hosts(tuple(ctx.core.plugins.templates.values()))
    for host in hosts:
        found = find_lookalike(parse_host_port(host).host, known)
        if found is not None:
            raise InvalidRequest(
                f"the host {host} may be taken for {found.host} ({found.kind})",
                field="hosts",
                rule="resembles a known service",
                hint="compare it letter by letter; a person may confirm it with confirm_hosts",
            )


def _refused(message: str, name: str, rule: str) -> InvalidRequest:
    hint = "check which service it is for; a person may confirm it with confirm_format"
    return InvalidRequest(message, field=f"credential.{name}", rule=rule, hint=hint)


def _is_of(secret: Secret, form: str) -> bool:
    return foreign_format(secret, {form: re.compile(form)}) is not None


@lru_cache(maxsize=1)
def _forms_of(templates: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, re.Pattern[str]]:
    return {provider: re.compile("|".join(f"(?:{form})" for form in forms)) for provider, forms in templates}


def _forms(templates: tuple[ServiceTemplate, ...]) -> dict[str, re.Pattern[str]]:
    """Each service's secrets, where its documents say how they look."""
    pairs = (
        (template.provider, tuple(known.format for known in template.fields if known.secret and known.format))
        for template in templates
    )
    return _forms_of(tuple((provider, forms) for provider, forms in pairs if forms))


def _known_hosts(templates: tuple[ServiceTemplate, ...]) -> dict[str, list[str]]:
    """Each service's hosts, without ports; what is the person's own as a whole is nobody's."""
    found: dict[str, list[str]] = {}
    for template in templates:
        named = [host.partition(":")[0] for host in template.hosts if FILLED.fullmatch(host) is None]
        if named:
            found[template.provider] = [FILLED.sub("*", host) for host in named]
    return found
