"""What a plugin may see and declare: small Protocols and the Registrar its `register` is handed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stack_local.domain.detection import CallFacts, Finding, PastCall
from stack_local.domain.errors import Broken
from stack_local.domain.scanning import Verdict
from stack_local.service_templates import ServiceTemplate, read_template

__all__ = ["Classifier", "Detector", "Registrar", "ServiceTemplate", "read_template"]

Detector = Callable[[CallFacts, Sequence[PastCall]], Finding | None]
"""A function of facts: no I/O, no secret, and done within its share of `detector_seconds`."""


class Classifier(Protocol):
    """Reads a text for what no phrase says: paraphrase, feigned authority, other languages (product.md 6.3, L3).

    It waits for a model that runs elsewhere, and never holds up the loop. The text is data: nothing in it is an
    instruction to it. What it raises, or says too late, counts as nothing said.
    """

    async def __call__(self, text: str, /) -> Verdict: ...


@dataclass(slots=True)
class Registrar:
    """Collects what plugins declare, by name."""

    classifiers: dict[str, Classifier] = field(default_factory=dict)
    detectors: dict[str, Detector] = field(default_factory=dict)
    templates: dict[str, ServiceTemplate] = field(default_factory=dict)

    def classifier(self, key: str, classify: Classifier) -> None:
        """Declare a classifier of scanned contents.

        Raises:
            Broken: the key is taken.
        """
        if key in self.classifiers:
            raise Broken(f"two classifiers are called {key}")
        self.classifiers[key] = classify

    def detector(self, key: str, inspect: Detector) -> None:
        """Declare a detector.

        Raises:
            Broken: the key is taken.
        """
        if key in self.detectors:
            raise Broken(f"two detectors are called {key}")
        self.detectors[key] = inspect

    def service(self, template: ServiceTemplate) -> None:
        """Declare a service template.

        Raises:
            Broken: the provider is taken.
        """
        if template.provider in self.templates:
            raise Broken(f"two services are called {template.provider}")
        self.templates[template.provider] = template
