"""What a client says of itself: checked by type, bounded, and unknown members ignored (RFC 7591, section 2)."""

from typing import Any

import pytest
from pydantic import ValidationError

from stack_local.wire.oauth import ClientMetadata

URIS = ["http://127.0.0.1/cb"]

REFUSED: dict[str, dict[str, Any]] = {
    "no redirects": {},
    "an empty list": {"redirect_uris": []},
    "text for a list": {"redirect_uris": URIS[0]},
    "a number among them": {"redirect_uris": [1]},
    "a long name": {"redirect_uris": URIS, "client_name": "a" * 513},
    "a name that is true": {"redirect_uris": URIS, "client_name": True},
    "a long member": {"redirect_uris": URIS, "software_id": "a" * 513},
    "many grants": {"redirect_uris": URIS, "grant_types": ["a"] * 33},
    "a long grant": {"redirect_uris": URIS, "grant_types": ["a" * 513]},
    "a long scope": {"redirect_uris": URIS, "scope": "a" * 2049},
}


@pytest.mark.parametrize("said", REFUSED.values(), ids=REFUSED)
def test_metadata_of_the_wrong_shape_are_refused_without_being_repeated(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        ClientMetadata.model_validate(said)
    assert "a" * 100 not in str(refused.value)


@pytest.mark.parametrize("said", [None, [], "x", 1])
def test_what_is_no_object_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        ClientMetadata.model_validate(said)


def test_what_is_said_back_is_what_we_know_and_do_nothing_with() -> None:
    metadata = ClientMetadata.model_validate(
        {
            "redirect_uris": URIS,
            "client_uri": "https://app.test",
            "logo_uri": "http://169.254.169.254/",
            "application_type": "native",
            "software_id": "s",
            "client_secret": "x",
            "jwks_uri": "http://169.254.169.254/",
        }
    )
    assert metadata.registered() == {
        "client_uri": "https://app.test",
        "application_type": "native",
        "software_id": "s",
    }
