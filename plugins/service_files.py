"""The services we know, and the ways a credential can be connected by hand: the TOML files in `services/`."""

import tomllib
from functools import cache
from importlib import resources

from stack_local.plugin_api import Registrar, ServiceTemplate, read_template


def register(stack: Registrar) -> None:
    """Declare one template for each file."""
    for template in shipped():
        stack.service(template)


@cache
def shipped() -> tuple[ServiceTemplate, ...]:
    """Every template, read and checked once in a process: the files are part of it, and a template never changes."""
    folder = resources.files("plugins").joinpath("services")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple(read_template(file.name, tomllib.loads(file.read_text(encoding="utf-8"))) for file in files)
