"""Every service that ships: its credential lands where the vendor wants it, its calls read well and are told apart."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.actions import OPTIONAL, PLACEHOLDER, Effect
from stack_local.domain.call_fields import read_field
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.proxy.inject import inject
from stack_local.service_templates import ServiceTemplate, TemplateVerify, filled
from tests.domain.samples import NOW
from tests.plugins.samples import FOLDER, sample_of, templates
from tests.simulators.egress import opened, outbound
from tests.simulators.raw_upstream import raw_upstream

SERVICES = sorted(templates())
DOCUMENTS = Path(__file__).parent / "vendor_documents"
EXTRACTS = sorted(path.stem for path in DOCUMENTS.glob("*.json"))
LONGEST_SENTENCE = 160
"""Characters that are read at a glance."""

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OWN = "an-agent-brought-this"


def test_every_service_has_its_samples_and_every_sample_its_service() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == SERVICES


# What the file says of itself


@pytest.mark.parametrize("provider", SERVICES)
def test_a_template_names_its_sources_before_it_says_anything(provider: str) -> None:
    text = Path("plugins/services", f"{provider}.toml").read_text(encoding="utf-8")
    before, _, _ = text.partition("\nprovider = ")
    assert all(line.startswith("#") for line in before.splitlines())
    assert "https://" in before
    assert provider == templates()[provider].provider


@pytest.mark.parametrize("provider", SERVICES)
def test_a_format_knows_the_documented_shape_and_refuses_another(provider: str) -> None:
    sample = sample_of(provider)
    formats = {field.name: field.format for field in sample.template.fields if field.format is not None}
    assert sample.formats.keys() == formats.keys()
    for name, pattern in formats.items():
        examples = sample.formats[name]
        assert examples["good"]
        assert examples["bad"]
        assert [one for one in examples["good"] if not re.fullmatch(pattern, one)] == []
        assert [one for one in [*examples["bad"], "", "x"] if re.fullmatch(pattern, one)] == []


@pytest.mark.parametrize("provider", SERVICES)
def test_a_placeholder_takes_a_name_and_no_other_host(provider: str) -> None:
    sample = sample_of(provider)
    assert sample.placeholders.keys() == {one.name for one in sample.template.placeholders}
    for one in sample.template.placeholders:
        assert re.fullmatch(one.format, sample.placeholders[one.name])
        hostile = ("", "evil.example/", "a.evil.example", "evil.example#", "a@b", "a/b", "a:1", "-a", "A", "a\n")
        assert [text for text in hostile if re.fullmatch(one.format, text)] == []


@pytest.mark.parametrize("provider", SERVICES)
def test_scopes_are_said_in_words_and_a_usual_one_reads(provider: str) -> None:
    scopes = templates()[provider].scopes
    assert len({scope.name for scope in scopes}) == len(scopes)
    assert [scope.name for scope in scopes if scope.usual and scope.needed_for == "write"] == []
    assert not scopes or any(scope.usual for scope in scopes)


# The walk: what a fake of the service receives

CREDENTIAL = {
    name: Secret(f"{name}-{'s3cret' * 4}")
    for template in templates().values()
    for name in (field.name for field in template.fields)
}

VALUE = CREDENTIAL["value"].reveal()


def _basic() -> str:
    pair = f"{CREDENTIAL['username'].reveal()}:{CREDENTIAL['password'].reveal()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


WANTED: dict[str, dict[str, str]] = {
    "algolia": {"x-algolia-api-key": VALUE, "x-algolia-application-id": CREDENTIAL["application_id"].reveal()},
    "anthropic": {"x-api-key": VALUE},
    "bitbucket": {"authorization": _basic()},
    "circleci": {"circle-token": VALUE},
    "clickup": {"authorization": VALUE},
    "confluence": {"authorization": _basic()},
    "datadog": {
        "dd-api-key": CREDENTIAL["api_key"].reveal(),
        "dd-application-key": CREDENTIAL["application_key"].reveal(),
    },
    "discord": {"authorization": f"Bot {VALUE}"},
    "elastic": {"authorization": f"ApiKey {VALUE}"},
    "figma": {"x-figma-token": VALUE},
    "freshdesk": {"authorization": _basic()},
    "jira": {"authorization": _basic()},
    "launchdarkly": {"authorization": VALUE},
    "linear": {"authorization": VALUE},
    "mailchimp": {"authorization": _basic()},
    "mailgun": {"authorization": _basic()},
    "monday": {"authorization": VALUE},
    "newrelic": {"api-key": VALUE},
    "opsgenie": {"authorization": f"GenieKey {VALUE}"},
    "pagerduty": {"authorization": f"Token token={VALUE}"},
    "pinecone": {"api-key": VALUE},
    "pipedrive": {"x-api-token": VALUE},
    "plaid": {"plaid-secret": VALUE, "plaid-client-id": CREDENTIAL["client_id"].reveal()},
    "planetscale": {"authorization": f"{CREDENTIAL['token_id'].reveal()}:{CREDENTIAL['token'].reveal()}"},
    "postmark": {"x-postmark-server-token": VALUE},
    "shopify": {"x-shopify-access-token": VALUE},
    "supabase_data": {"authorization": f"Bearer {VALUE}", "apikey": VALUE},
    "telegram": {},
    "trello": {"authorization": f'OAuth oauth_consumer_key="{CREDENTIAL["key"].reveal()}", oauth_token="{VALUE}"'},
    "twilio": {"authorization": _basic()},
    "zendesk": {"authorization": _basic()},
}
"""The headers that carry the credential, by service; every other one wants it as a bearer."""

IN_FRONT = {"telegram": f"/bot{VALUE}"}
"""What carries the credential in front of the path."""

SIGNED = frozenset(name for name in SERVICES if templates()[name].injection.style is InjectionStyle.AWS_SIGV4)
"""What a signature is, tests/proxy/test_sigv4.py holds against AWS's own vectors."""


@pytest.mark.parametrize("provider", SERVICES)
async def test_a_fake_of_the_service_receives_the_credential_where_it_wants_it(provider: str) -> None:
    sample = sample_of(provider)
    template = sample.template
    own = {"Authorization": OWN, "X-Api-Key": OWN, "Cookie": OWN, **dict.fromkeys(template.injected().headers, OWN)}
    calls = [sample.call_of(one, own) for one in sample.calls]
    calls.append(sample.call(*_verify_request(template, template.verify, sample.placeholders), headers=own))
    async with raw_upstream([EMPTY]) as upstream, opened() as egress:
        for call in calls:
            made = inject(call, template.injected(), CREDENTIAL, at=NOW)
            url = f"http://127.0.0.1:{upstream.port}{made.url.target}"
            await egress.send(outbound(url, method=call.method, headers=made.headers, body=call.body or b""))
    assert len(upstream.requests) == len(calls)
    for call, request in zip(calls, upstream.requests, strict=True):
        line, headers, body = _parsed(request)
        assert line == f"{call.method} {IN_FRONT.get(provider, '')}{call.url.target} HTTP/1.1"
        assert body == (call.body or b"")
        assert headers.items() >= _wanted(provider, headers).items()
        assert headers.items() >= dict(call.headers).items()
        assert set(template.default_headers) <= set(headers)
        assert OWN.encode() not in request


def _wanted(provider: str, headers: dict[str, str]) -> dict[str, str]:
    if provider not in SIGNED:
        return WANTED.get(provider, {"authorization": f"Bearer {VALUE}"})
    key, region = CREDENTIAL["access_key_id"].reveal(), sample_of(provider).placeholders["region"]
    assert headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={key}/{NOW:%Y%m%d}/{region}/")
    return {"x-amz-date": f"{NOW:%Y%m%dT%H%M%SZ}"}


def _verify_request(
    template: ServiceTemplate, verify: TemplateVerify | None, placeholders: dict[str, str]
) -> tuple[str, str, Any]:
    assert verify is not None
    assert template.base_url is not None
    host = verify.host or template.base_url.split("/")[2]
    return verify.method, f"https://{filled(host, placeholders)}{verify.path}", verify.body


def _parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    assert len({name for name, _ in pairs}) == len(pairs)
    return line, dict(pairs), body


# What a person reads, and how calls are told apart


@pytest.mark.parametrize("provider", SERVICES)
def test_every_action_has_one_sample_call_and_no_other_action_catches_it(provider: str) -> None:
    sample = sample_of(provider)
    rules = sample.template.rules(sample.placeholders)
    assert [one["action"] for one in sample.calls] == [action.name for action in sample.template.actions]
    caught = {one["action"]: rules.action_of(sample.call_of(one)) for one in sample.calls}
    assert {name: found and found[0].name for name, found in caught.items()} == {name: name for name in caught}


@pytest.mark.parametrize("provider", SERVICES)
def test_what_a_person_is_asked_says_what_happens(provider: str) -> None:
    sample = sample_of(provider)
    rules = sample.template.rules(sample.placeholders)
    for one in sample.calls:
        sentence = rules.summary_of(sample.call_of(one))
        assert sentence == one.get("says")
        assert sentence is None or (len(sentence) <= LONGEST_SENTENCE and "(none)" not in sentence)


@pytest.mark.parametrize("provider", SERVICES)
def test_a_value_a_sentence_always_says_is_one_the_call_has(provider: str) -> None:
    sample = sample_of(provider)
    summaries = {action.name: action.summary for action in sample.template.actions if action.summary is not None}
    for one in sample.calls:
        said = OPTIONAL.sub("", summaries.get(one["action"], ""))
        for path in (match[1] for match in PLACEHOLDER.finditer(said) if not match[1].startswith("path.")):
            value = read_field(sample.call_of(one), path)
            assert isinstance(value, str | int | list | dict)
            assert not isinstance(value, str) or value in one["says"] or value.isdecimal()


EFFECTS = [(provider, *row) for provider in SERVICES for row in sample_of(provider).effects]


def test_there_are_enough_calls_to_tell_apart() -> None:
    assert len(EFFECTS) >= 120
    assert {row[0] for row in EFFECTS} == set(SERVICES)


@pytest.mark.parametrize(("provider", "method", "url", "body", "effect"), EFFECTS, ids=lambda value: str(value)[:60])
def test_a_call_reads_only_where_the_template_says_so(
    provider: str, method: str, url: str, body: Any, effect: str
) -> None:
    sample = sample_of(provider)
    form = {"content-type": "application/x-www-form-urlencoded"} if isinstance(body, str) and "=" in body else {}
    call = sample.call(method, url, body, form)
    assert sample.template.rules(sample.placeholders).effect_of(call) is Effect(effect)


NOT_TOLD = SIGNED | {"whatsapp_cloud"}
"""Asked by a GET that could as well act: the check alone knows that it does not."""


@pytest.mark.parametrize("provider", [name for name in SERVICES if name not in NOT_TOLD])
def test_the_request_that_tries_a_credential_reads(provider: str) -> None:
    sample = sample_of(provider)
    call = sample.call(*_verify_request(sample.template, sample.template.verify, sample.placeholders))
    assert sample.template.rules(sample.placeholders).effect_of(call) is Effect.READ


# The vendors' documents

CHECKED_AT_LEAST = 28

UNSAID = frozenset({"anthropic", "github", "postmark"})
"""Their documents say nothing of authentication; the pages named in the templates do."""


def test_a_template_is_called_checked_where_there_is_an_extract_and_only_there() -> None:
    assert {name for name in SERVICES if templates()[name].checked is not None} == set(EXTRACTS)
    assert len(EXTRACTS) >= CHECKED_AT_LEAST


@pytest.mark.parametrize("provider", EXTRACTS)
def test_the_vendors_document_has_what_the_template_says(provider: str) -> None:
    template, extract = templates()[provider], _extract(provider)
    assert template.checked is not None
    assert template.checked.document == extract["document"]
    assert _missing(provider, template, extract) == []


@pytest.mark.parametrize("provider", EXTRACTS)
def test_the_vendors_document_serves_where_the_template_begins(provider: str) -> None:
    base = filled(templates()[provider].base_url or "", sample_of(provider).placeholders)
    assert any(f"{server.rstrip('/')}/".startswith(f"{_origin(base)}/") for server in _extract(provider)["servers"])


@pytest.mark.parametrize("provider", [name for name in EXTRACTS if name not in UNSAID])
def test_the_vendors_document_takes_the_credential_where_the_template_puts_it(provider: str) -> None:
    said = {one.lower() for one in _extract(provider)["security"]}
    injection = templates()[provider].injected()
    assert all(said & set(schemes) for schemes in _schemes(injection))


def test_the_documents_that_say_nothing_of_authentication_are_known() -> None:
    assert {name for name in EXTRACTS if _extract(name)["security"] == []} == UNSAID


def _schemes(injection: Injection) -> list[tuple[str, ...]]:
    """For each header that carries a part of the credential, the schemes of which a document must name one."""
    more = [(f"apikey header {name}".lower(),) for name, _ in injection.more]
    own = f"apikey header {injection.header}".lower()
    match injection.style:
        case InjectionStyle.BEARER:
            return [("http bearer", "oauth2", own), *more]
        case InjectionStyle.BASIC:
            return [("http basic",), *more]
        case _:
            return [(own,), *more]


def _extract(provider: str) -> dict[str, Any]:
    extract: dict[str, Any] = json.loads((DOCUMENTS / f"{provider}.json").read_text(encoding="utf-8"))
    return extract


def _missing(provider: str, template: ServiceTemplate, extract: dict[str, Any]) -> list[str]:
    """What the template names and the document does not."""
    placeholders = sample_of(provider).placeholders
    written = {
        f"{method} {_shape(server.rstrip('/') + path)}"
        for server in extract["servers"]
        for method, _, path in (operation.partition(" ") for operation in extract["operations"])
    }
    if "either_method" in extract:
        written |= {one.replace("GET ", "POST ", 1) for one in written} | {
            one.replace("POST ", "GET ", 1) for one in written
        }
    origin = _origin(filled(template.base_url or "", placeholders))
    wanted = [(one.method, one.host, one.path) for one in template.actions if one.settled_effect is not Effect.GRAPHQL]
    assert template.verify is not None
    wanted.append((template.verify.method, template.verify.host, template.verify.path.partition("?")[0]))
    full = [
        f"{method} {_shape((origin if host is None else 'https://' + filled(host, placeholders)) + path)}"
        for method, host, path in wanted
    ]
    # A name in the document stands for any word, as `me` is one user; a word in the document for itself alone.
    patterns = [re.compile(re.escape(one).replace(r"\{\}", "[^/]+")) for one in written]
    return [one for one in full if not any(pattern.fullmatch(one) for pattern in patterns)]


def _shape(url: str) -> str:
    """The URL without the names of its segments, and without its query."""
    return re.sub(r"\{[^{}]*\}", "{}", url.partition("?")[0])


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])
