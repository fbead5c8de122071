"""The services we know, and the ways a credential can be connected by hand: the TOML files in `services/`."""

import tomllib
from importlib import resources

from stack_local.plugin_api import Registrar, read_template


def register(stack: Registrar) -> None:
    """Declare one template for each file."""
    folder = resources.files("plugins").joinpath("services")
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            stack.service(read_template(file.name, tomllib.loads(file.read_text(encoding="utf-8"))))
