"""Consents and refresh tokens: when each is over, and what becomes of a refresh token that is shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack_local.domain import scopes
from stack_local.domain.consents import (
    CONSENT_DAYS,
    REFRESH_IDLE_DAYS,
    REPLAY_SECONDS,
    AuthorizationRequest,
    Consent,
    Refresh,
    RefreshToken,
    RequestState,
    granted_scopes,
    is_live,
    judge_refresh,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
IDLE = timedelta(days=REFRESH_IDLE_DAYS)
REPLAY = timedelta(seconds=REPLAY_SECONDS)

CONSENT = Consent(
    id="cns_1",
    client_id="cli_1",
    client_name="Test client",
    redirect_uri="http://127.0.0.1/cb",
    scope="proxy:write",
    resource="http://127.0.0.1:7822/mcp",
    agent_id="agt_1",
    given_by="session:ses_1",
    given_at=NOW,
    ends_at=NOW + timedelta(days=CONSENT_DAYS),
    used_at=NOW,
)
UNUSED = RefreshToken(token_hash="a" * 64, consent_id="cns_1", issued_at=NOW)
USED = replace(UNUSED, used_at=NOW, asked="", answer=b"sealed")

LIVES = {
    "just given": (CONSENT, NOW, True),
    "a moment before it is idle too long": (CONSENT, NOW + IDLE - MOMENT, True),
    "idle too long": (CONSENT, NOW + IDLE, False),
    "used again in time": (replace(CONSENT, used_at=NOW + IDLE - MOMENT), NOW + IDLE, True),
    "a moment before its end": (
        replace(CONSENT, used_at=CONSENT.ends_at - MOMENT),
        CONSENT.ends_at - MOMENT,
        True,
    ),
    "at its end, however much it was used": (
        replace(CONSENT, used_at=CONSENT.ends_at - MOMENT),
        CONSENT.ends_at,
        False,
    ),
    "revoked": (replace(CONSENT, revoked_at=NOW), NOW, False),
    "revoked, by a clock that was ahead": (replace(CONSENT, revoked_at=NOW + IDLE), NOW, False),
}

JUDGED = {
    "unused": (UNUSED, CONSENT, NOW, "", Refresh.ROTATE),
    "unused, for less": (UNUSED, CONSENT, NOW, "proxy:write", Refresh.ROTATE),
    "used a moment ago": (USED, CONSENT, NOW, "", Refresh.REPLAY),
    "used, the last moment of grace": (USED, CONSENT, NOW + REPLAY - MOMENT, "", Refresh.REPLAY),
    "used, grace is over": (USED, CONSENT, NOW + REPLAY, "", Refresh.REUSED),
    "used a moment ago for something else": (USED, CONSENT, NOW, "proxy:write", Refresh.REUSED),
    "used a moment ago for less, asked for all": (replace(USED, asked="proxy:write"), CONSENT, NOW, "", Refresh.REUSED),
    "used a moment ago, and its answer was used": (replace(USED, answer=None), CONSENT, NOW, "", Refresh.REUSED),
    "unused, idle too long": (
        UNUSED,
        replace(CONSENT, used_at=NOW + IDLE),
        NOW + IDLE,
        "",
        Refresh.OVER,
    ),
    "used, idle too long": (USED, CONSENT, NOW + IDLE, "", Refresh.OVER),
    "the consent is revoked": (UNUSED, replace(CONSENT, revoked_at=NOW), NOW, "", Refresh.OVER),
    "used a moment ago, the consent is revoked": (USED, replace(CONSENT, revoked_at=NOW), NOW, "", Refresh.OVER),
    "the consent has ended": (UNUSED, replace(CONSENT, ends_at=NOW), NOW, "", Refresh.OVER),
}
"""RFC 9700, section 4.14.2; O-23."""

USUAL = tuple(scope for scope in scopes.DESCRIPTIONS if scope in scopes.OAUTH_USUAL)

GRANTED = {
    "none named": (None, USUAL),
    "an empty one": ("", USUAL),
    "blanks": ("   ", USUAL),
    "one": ("proxy:write", ("proxy:write",)),
    "two, in the catalogue's order": ("proxy:write agents:read", ("agents:read", "proxy:write")),
    "one twice": ("proxy:write proxy:write", ("proxy:write",)),
    "runs of blanks": ("agents:read   proxy:write", ("agents:read", "proxy:write")),
    "one that is not usual": ("credentials:reveal", ("credentials:reveal",)),
    "an unknown one": ("proxy:delete", None),
    "an unknown one among known": ("proxy:write proxy:delete", None),
    "a wildcard": ("*", None),
    "a comma between": ("proxy:write,agents:read", None),
    "upper case": ("PROXY:WRITE", None),
    "a prefix": ("proxy", None),
    "offline_access": ("offline_access", None),
    "openid": ("openid", None),
    "registering agents": ("agents:write", None),
    "deciding": ("intents:decide", None),
    "letting in": ("clients:decide", None),
    "minting keys": ("keys:write", None),
    "governing": ("governance:decide", None),
    "locking": ("vault:write", None),
}
"""RFC 6749, section 3.3; O-29."""


@pytest.mark.parametrize(("consent", "now", "expected"), LIVES.values(), ids=LIVES)
def test_a_consent_lives_until_its_end(consent: Consent, now: datetime, expected: bool) -> None:
    assert is_live(consent, now) is expected


@pytest.mark.parametrize(("token", "consent", "now", "asked", "expected"), JUDGED.values(), ids=JUDGED)
def test_a_refresh_token_is_judged(
    token: RefreshToken, consent: Consent, now: datetime, asked: str, expected: Refresh
) -> None:
    assert judge_refresh(token, consent, now, asked=asked) is expected


_seconds = st.integers(0, CONSENT_DAYS * 86_400 * 2)


@given(used=st.none() | _seconds, now=_seconds, revoked=st.none() | _seconds, asked=st.sampled_from(["", "a", "b"]))
def test_a_used_token_is_never_rotated_and_a_dead_consent_gives_nothing(
    used: int | None, now: int, revoked: int | None, asked: str
) -> None:
    used_at = None if used is None else NOW + timedelta(seconds=used)
    consent = replace(CONSENT, revoked_at=None if revoked is None else NOW + timedelta(seconds=revoked))
    token = replace(UNUSED, used_at=used_at, asked="a" if used_at else None, answer=b"sealed" if used_at else None)
    judged = judge_refresh(token, consent, NOW + timedelta(seconds=now), asked=asked)
    if judged is Refresh.ROTATE:
        assert used_at is None
    if judged is Refresh.REPLAY:
        assert asked == "a"
    if judged is not Refresh.OVER:
        assert is_live(consent, NOW + timedelta(seconds=now))


@pytest.mark.parametrize(("asked", "expected"), GRANTED.values(), ids=GRANTED)
def test_scopes_are_known_ones_or_refused(asked: str | None, expected: tuple[str, ...] | None) -> None:
    assert granted_scopes(asked) == expected


@given(st.text(max_size=60) | st.lists(st.sampled_from(sorted(scopes.ALL)), max_size=4).map(" ".join))
def test_no_request_is_granted_more_than_an_agent_may(asked: str) -> None:
    granted = granted_scopes(asked)
    if granted is not None:
        assert frozenset(granted) <= scopes.OAUTH
        assert not frozenset(granted) & scopes.PERSON_ONLY
        assert len(set(granted)) == len(granted)


@pytest.mark.parametrize(("redirect_uri", "expected"), [("", True), ("http://127.0.0.1/cb", False)])
def test_a_log_in_of_a_device_has_no_redirect(redirect_uri: str, expected: bool) -> None:
    request = AuthorizationRequest(
        id="azr_1",
        client_id="cli_1",
        tag="BCDF",
        secret_hash="a" * 64,
        state=RequestState.SHOWN,
        parameters="",
        redirect_uri=redirect_uri,
        scope="",
        resource="",
        code_challenge="",
        created_at=NOW,
        expires_at=NOW,
    )
    assert request.is_device is expected
