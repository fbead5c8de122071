"""Against phishing at connect: what looks like another service's is refused until a person says it is right."""

from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.services import BindConnectionHosts, ConnectCustomService, ListConnections
from tests.conftest import TOKEN, decoded
from tests.simulators.shop import SHOP, TENANT, Counter

OF_GITHUB = "ghp_" + "a1B2" * 9
"""Made up, in the form that GitHub's documents give."""
OF_TENANT = "tnt_12345678"


SECRETS: dict[str, tuple[dict[str, Any], str | None]] = {
    "another service's": ({"oauth_token": OF_GITHUB}, "credential.value"),
    "another service's, by its field": ({"credential": {"value": OF_GITHUB}}, "credential.value"),
    "nobody's": ({"oauth_token": TOKEN}, None),
    "its own": (
        {
            "service_id": TENANT,
            "placeholders": {"subdomain": "acme"},
            "credential": {"username": "me@acme.example", "password": OF_TENANT},
        },
        None,
    ),
    "another's in the second field": (
        {
            "service_id": TENANT,
            "placeholders": {"subdomain": "acme"},
            "credential": {"username": "me@acme.example", "password": OF_GITHUB},
        },
        "credential.password",
    ),
    "in no form of its own": (
        {
            "service_id": TENANT,
            "placeholders": {"subdomain": "acme"},
            "credential": {"username": "me@acme.example", "password": "tnt_1234567"},
        },
        "credential.password",
    ),
}


@pytest.mark.parametrize(("fields", "field"), SECRETS.values(), ids=SECRETS)
async def test_a_secret_is_refused_by_its_field_and_is_not_repeated(
    at: Counter, fields: dict[str, Any], field: str | None
) -> None:
    if field is None:
        assert (await at.begin(**fields)).status == "connected"
        return
    with pytest.raises(InvalidRequest) as refused:
        await at.begin(**fields)
    assert refused.value.details["field"] == field
    assert [secret for secret in (OF_GITHUB, "tnt_1234567") if secret in repr(vars(refused.value))] == []
    assert (await at.begin(**fields, confirm_format=True)).status == "connected"


async def test_the_refusal_names_the_other_service(at: Counter) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await at.begin(oauth_token=OF_GITHUB)
    assert "GitHub" in refused.value.message


@pytest.mark.parametrize("preset", ["admin", "agent"])
async def test_a_key_confirms_nothing(at: Counter, preset: str) -> None:
    asked = {"service_id": SHOP, "oauth_token": OF_GITHUB, "confirm_format": True}
    custom = {"name": "x", "credential": TOKEN, "hosts": ["api.githud.com"], "confirm_hosts": True}
    async with at.running.http(await at.running.key(preset=preset)) as http:
        answers = [
            await http.post("/v1/services/connect", json=asked),
            await http.post("/v1/services/custom", json=custom),
        ]
    assert [(answer.status_code, decoded(answer)["error"]["code"]) for answer in answers] == [
        (400, "INVALID_REQUEST")
    ] * 2


async def test_a_custom_service_takes_no_known_services_secret_unseen(at: Counter) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await at.running.person.call(ConnectCustomService(name="x", credential=OF_GITHUB, hosts=["files.example.com"]))
    assert refused.value.details["field"] == "credential.value"


TWINS = {
    "one letter off": "api.githud.com",
    "a digit for a letter": "api.g1thub.com",
    "punycode": f"api.xn--{'gіthub'.encode('punycode').decode()}.com",
    "inside another domain": "api.github.com.evil.io",
    "another ending": "api.github.net",
}


@pytest.mark.parametrize("host", TWINS.values(), ids=TWINS)
async def test_a_host_that_may_be_taken_for_a_known_one_is_refused_by_name(at: Counter, host: str) -> None:
    custom = {"name": "x", "credential": TOKEN, "hosts": ["files.example.com", host]}
    with pytest.raises(InvalidRequest) as refused:
        await at.running.person.call(ConnectCustomService(**custom))
    assert (refused.value.details["field"], host in refused.value.message) == ("hosts", True)
    assert (await at.running.person.call(ListConnections())).items == []
    made = await at.running.person.call(ConnectCustomService(**custom, confirm_hosts=True))
    with pytest.raises(InvalidRequest):
        await at.running.person.call(BindConnectionHosts(connection_id=made.id, hosts=[host]))


@pytest.mark.parametrize("host", ["github.acme.example", "files.example.com", "api.github.com", "10.0.0.5:8443"])
async def test_an_honest_host_is_taken(at: Counter, host: str) -> None:
    made = await at.running.person.call(ConnectCustomService(name="x", credential=TOKEN, hosts=[host]))
    assert len(made.hosts) == 1
