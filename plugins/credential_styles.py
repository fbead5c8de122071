"""The ways a credential can be connected by hand, read from the TOML files in `services/`."""

import tomllib
from importlib import resources
from typing import Any

from stack_local.domain.errors import Broken
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.plugin_api import Registrar, ServiceTemplate, TemplateField

_MEMBERS = {"provider", "name", "description", "injection", "fields"}


def register(stack: Registrar) -> None:
    """Declare one template for each file."""
    folder = resources.files("plugins").joinpath("services")
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            stack.service(read_template(file.name, tomllib.loads(file.read_text(encoding="utf-8"))))


def read_template(file_name: str, raw: dict[str, Any]) -> ServiceTemplate:
    """A template from its file.

    Raises:
        Broken: the file does not have exactly the members of a template.
    """
    if set(raw) != _MEMBERS:
        raise Broken(f"{file_name} has not exactly the members {', '.join(sorted(_MEMBERS))}")
    injection = raw["injection"]
    return ServiceTemplate(
        provider=raw["provider"],
        name=raw["name"],
        description=raw["description"],
        injection=Injection(InjectionStyle(injection["style"]), injection.get("name"), injection.get("template")),
        fields=tuple(TemplateField(**field) for field in raw["fields"]),
    )
