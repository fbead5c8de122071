"""The sample calls of each service, `sample_calls/<provider>.json`, and the template they are calls of.

A file holds `placeholders` (the person's own parts of the URL), `formats` (values a field's format must know and must
not), `calls` (one for each action: its URL, body and headers, and the sentence a person is shown) and `effects`
(method, URL, body and what it does).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plugins.service_files import register
from stack_local.domain.calls import Call, SendingRules, propose
from stack_local.plugin_api import Registrar, ServiceTemplate

FOLDER = Path(__file__).parent / "sample_calls"


@dataclass(frozen=True, slots=True)
class Sample:
    """A template with its sample calls."""

    template: ServiceTemplate
    placeholders: dict[str, str]
    formats: dict[str, dict[str, list[str]]]
    calls: list[dict[str, Any]]
    effects: list[list[Any]]

    def call(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Call:
        """The exact call an agent's arguments describe."""
        injection, rules = self.template.injected(), self.template.rules(self.placeholders)
        return propose(
            connection_id="scon_sample",
            connection_version=1,
            credential_version=1,
            rules=SendingRules(injection.headers, injection.query, rules.headers, rules.default_headers),
            method=method,
            url=url,
            headers=headers or {},
            query={},
            body=body,
        )

    def call_of(self, sample: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Call:
        """The exact call of one of the samples."""
        method = next(action.method for action in self.template.actions if action.name == sample["action"])
        return self.call(method, sample["url"], sample.get("body"), {**sample.get("headers", {}), **(headers or {})})


@cache
def templates() -> dict[str, ServiceTemplate]:
    """Every service that ships."""
    stack = Registrar()
    register(stack)
    return {name: template for name, template in stack.templates.items() if template.is_service}


@cache
def sample_of(provider: str) -> Sample:
    """The samples of one service."""
    raw = json.loads((FOLDER / f"{provider}.json").read_text(encoding="utf-8"))
    return Sample(templates()[provider], raw.get("placeholders", {}), raw["formats"], raw["calls"], raw["effects"])
