"""What crosses the door about consents: ids of their kind, postures there are, and a code that is shown once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from stack_local.domain.consents import Posture
from stack_local.wire.consents import ConsentCode, CreateConsentCode, EnterDeviceCode, GiveConsent, RevokeConsent

REQUEST = "azr_" + "0" * 22
CONNECTION = "scon_" + "0" * 22

REFUSED: dict[str, dict[str, Any]] = {
    "an id of another kind": {"request_id": "cns_" + "0" * 22},
    "a short id": {"request_id": "azr_0"},
    "an id with a line feed": {"request_id": REQUEST + "\n"},
    "an agent of another kind": {"request_id": REQUEST, "agent_id": CONNECTION},
    "a posture that is none": {"request_id": REQUEST, "postures": {CONNECTION: "write"}},
    "a posture in capitals": {"request_id": REQUEST, "postures": {CONNECTION: "READ"}},
    "a posture of no connection": {"request_id": REQUEST, "postures": {"github": "read"}},
    "more postures than there is room for": {
        "request_id": REQUEST,
        "postures": {f"scon_{number:022}": "read" for number in range(65)},
    },
    "a field that is not there": {"request_id": REQUEST, "scope": "*"},
}


@pytest.mark.parametrize("request_class", [GiveConsent, CreateConsentCode])
@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_a_decision_that_makes_no_sense_is_refused(request_class: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request_class.model_validate(fields)


def test_without_postures_nothing_is_granted() -> None:
    asked = GiveConsent(request_id=REQUEST)
    assert (asked.agent_id, asked.postures) == (None, {})
    assert GiveConsent(request_id=REQUEST, postures={CONNECTION: Posture.ASK}).postures == {CONNECTION: Posture.ASK}


@pytest.mark.parametrize("code", ["", "BCDF", "B" * 17])
def test_a_device_code_has_the_length_of_one(code: str) -> None:
    with pytest.raises(ValidationError):
        EnterDeviceCode(user_code=code)


def test_a_consent_is_named_by_its_id() -> None:
    assert RevokeConsent(consent_id="cns_" + "0" * 22)
    with pytest.raises(ValidationError):
        RevokeConsent(consent_id="cns_%")


def test_a_code_crosses_the_wire_once_and_stands_in_no_log() -> None:
    made = ConsentCode(code=SecretStr("BCDFGHJK"), request_id=REQUEST, expires_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert "BCDFGHJK" not in repr(made)
    assert made.model_dump(mode="json")["code"] == "BCDFGHJK"
