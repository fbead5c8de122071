"""Signatures of AWS: vectors of another signer, the published ones of AWS, and what is refused."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import Url, parse_url
from stack_local.proxy import sigv4
from stack_local.proxy.sigv4 import Scope, sign

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sigv4.json").read_text(encoding="utf-8"))
OURS, PUBLISHED = VECTORS["ours"], VECTORS["published"]

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEY = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = Scope("service", "us-east-1")


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def signed(**changed: Any) -> dict[str, str]:
    """What is added to a plain request, or to one that differs in `changed`."""
    request: dict[str, Any] = {
        "method": "GET",
        "url": parse_url("https://example.amazonaws.com/"),
        "headers": (),
        "body": b"",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": KEY,
        "session_token": None,
        "region": SCOPE.region,
        "service": SCOPE.service,
        "at": AT,
    }
    return dict(sign(**request | changed))


@pytest.mark.parametrize("vector", OURS, ids=name_of)
def test_the_headers_are_those_of_another_signer(vector: dict[str, Any]) -> None:
    token, body = vector["session_token"], vector["body"]
    added = signed(
        method=vector["method"],
        url=parse_url(vector["url"]),
        headers=[(name, value) for name, value in vector["headers"]],
        body=None if body is None else body.encode(),
        access_key_id=vector["access_key_id"],
        secret_access_key=Secret(vector["secret_access_key"]),
        session_token=None if token is None else Secret(token),
        region=vector["region"],
        service=vector["service"],
        at=datetime.fromisoformat(vector["at"]),
    )
    assert added == vector["expected"]


@pytest.mark.parametrize("vector", PUBLISHED, ids=name_of)
def test_the_signature_is_the_one_that_aws_published(vector: dict[str, Any]) -> None:
    # The suite signs no hash of the body, and its paths may hold what no URL of ours holds.
    url = Url("https", "example.amazonaws.com", 443, vector["path"], vector["query"])
    covered = sigv4.signed_headers(url, [*vector["headers"], ("X-Amz-Date", "20150830T123600Z")])
    nothing = hashlib.sha256(b"").hexdigest()
    canonical = sigv4.canonical_request(vector["method"], url, covered, nothing, service=SCOPE.service)
    text = sigv4.string_to_sign(canonical, SCOPE, AT)
    assert sigv4.sign_text(text, KEY, SCOPE, AT) == vector["signature"]


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("an escape in a key that nobody needs", "/%61%2Db", "/a-b"),
        ("a mark in a key that is left plain", "/a(b)!", "/a%28b%29%21"),
        ("the case of an escape in a key", "/%e6%97%a5", "/%E6%97%A5"),
        ("a pair of a query that is empty", "/?a=1&&b=2&", "/?a=1&b=2"),
    ],
)
def test_two_ways_to_write_one_key_of_s3_have_one_signature(name: str, one: str, other: str) -> None:
    of = [signed(service="s3", url=parse_url(f"https://b.s3.amazonaws.com{target}")) for target in (one, other)]
    assert of[0] == of[1], name


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("an escaped slash in a key", "/a%2Fb", "/a/b"),
        ("slashes beside each other in a key", "/a//b", "/a/b"),
        ("an escaped percent", "/a%252F", "/a%2F"),
        ("a plus in a key is no blank", "/a+b", "/a%20b"),
    ],
)
def test_two_keys_of_s3_have_two_signatures(name: str, one: str, other: str) -> None:
    of = [signed(service="s3", url=parse_url(f"https://b.s3.amazonaws.com{target}")) for target in (one, other)]
    assert of[0] != of[1], name


def test_the_time_is_signed_in_utc_whatever_zone_it_comes_in() -> None:
    east = AT.astimezone(timezone(timedelta(hours=9)))
    assert signed(at=east) == signed()
    assert signed()["x-amz-date"] == "20150830T123600Z"


def test_a_body_that_is_streamed_to_s3_is_said_to_be_unsigned() -> None:
    assert signed(service="s3", body=None)["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_what_hops_and_egress_set_changes_no_signature() -> None:
    hops = "Host User-Agent Accept-Encoding Content-Length Connection Expect Transfer-Encoding X-Amzn-Trace-Id"
    assert signed(headers=[(name, "x") for name in hops.split()]) == signed()


def test_every_other_header_is_covered() -> None:
    added = signed(headers=[("Content-Type", "text/plain"), ("X-Amz-Acl", "private")], session_token=Secret("token"))
    names = added["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert names == "content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token"


@pytest.mark.parametrize(
    ("name", "changed", "field"),
    [
        ("a region with a slash", {"region": "us-east-1/s3"}, "region"),
        ("no region", {"region": ""}, "region"),
        ("a service with a blank", {"service": "s3 "}, "service"),
        ("a key id with a slash", {"access_key_id": "AKID/20150830"}, "credential.access_key_id"),
        ("a key id with a line break", {"access_key_id": "AKID\r\nx: y"}, "credential.access_key_id"),
        ("a key id that ends in one", {"access_key_id": "AKIDEXAMPLE\n"}, "credential.access_key_id"),
        ("a header that is not ASCII", {"headers": [("x-amz-meta-a", "é")]}, "headers"),
        ("a stream that is not for s3", {"body": None}, "body"),
        (
            "a stream without TLS",
            {"body": None, "service": "s3", "url": parse_url("http://127.0.0.1:9000/b/k")},
            "body",
        ),
        *((f"a given {name}", {"headers": [(name.title(), "x")]}, "headers") for name in sorted(sigv4.OURS)),
    ],
)
def test_what_cannot_be_signed_is_refused_by_its_field(name: str, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        signed(**changed)
    assert refused.value.details["field"] == field, name
