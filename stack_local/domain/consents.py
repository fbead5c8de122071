"""What a person lets an OAuth client do: the request that waits, the consent that follows, and when each is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stack_local.domain import scopes

REQUEST_MINUTES = 10
"""How long a request waits for its decision."""
CODE_SECONDS = 60
"""How long an authorization code is good, once (RFC 9700, section 2.1.1)."""
ACCESS_SECONDS = 600
"""How long an access token is good."""
REFRESH_IDLE_DAYS = 30
"""A refresh token that is not used for so long is over."""
CONSENT_DAYS = 180
"""A consent ends after this, however much it is used."""
REPLAY_SECONDS = 30
"""A refresh token used again so soon gets the same answer: the first may have been lost, or asked for by a twin."""
WRONG_CODES = 5
"""One-time codes that may be typed wrongly for one request."""

TAG_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
TAG_LENGTH = 4
"""The short tag stands on the page and in the terminal: no vowel, no letter that looks like another."""


class RequestState(StrEnum):
    """How an authorization request stands."""

    SHOWN = "shown"
    """The page is open; nobody has asked for a decision."""
    ASKED = "asked"
    """It waits for a person at the terminal."""
    CODED = "coded"
    """A person said yes to whoever types the one-time code into the page."""
    GIVEN = "given"
    """A person said yes; the page has not fetched its code yet."""
    REFUSED = "refused"
    ISSUED = "issued"
    """The code is on its way to the client."""
    REDEEMED = "redeemed"
    """The code was used."""


class Posture(StrEnum):
    """How far a client may use one connection."""

    NONE = "none"
    READ = "read"
    ASK = "ask"
    """It reads; its writes ask a person."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One request to be let in, from the page to the code."""

    id: str
    client_id: str
    tag: str
    secret_hash: str
    """Of the secret that ties it to the browser that opened the page, or of a device code."""
    state: RequestState
    parameters: str
    """The query as it was asked: what the answer is built from."""
    redirect_uri: str
    scope: str
    resource: str
    code_challenge: str
    created_at: datetime
    expires_at: datetime
    user_code_hash: str | None = None
    """Of the one-time code that stands in for the terminal."""
    wrong_codes: int = 0
    consent_id: str | None = None
    code_hash: str | None = None
    code_expires_at: datetime | None = None

    @property
    def is_device(self) -> bool:
        """Whether it came by the device grant, which has no page."""
        return not self.redirect_uri


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed one client, until it is revoked or over. Its tokens live and end with it."""

    id: str
    client_id: str
    client_name: str
    redirect_uri: str
    scope: str
    resource: str
    agent_id: str
    given_by: str
    given_at: datetime
    ends_at: datetime
    used_at: datetime
    revoked_at: datetime | None = None


def is_live(consent: Consent, now: datetime) -> bool:
    """Whether tokens of this consent may be good."""
    idle_until = consent.used_at + timedelta(days=REFRESH_IDLE_DAYS)
    return consent.revoked_at is None and now < min(consent.ends_at, idle_until)


def refresh_ends_at(consent: Consent, *, issued_at: datetime) -> datetime:
    """Until when a refresh token is good that is not used before."""
    return min(consent.ends_at, issued_at + timedelta(days=REFRESH_IDLE_DAYS))


class Refresh(StrEnum):
    """What becomes of a refresh token that is shown."""

    ROTATE = "rotate"
    REPLAY = "replay"
    """It was used a moment ago: the same answer again."""
    REUSED = "reused"
    """It was used long ago: somebody else has it (RFC 9700, section 4.14.2)."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token of a consent, by its hash."""

    token_hash: str
    consent_id: str
    issued_at: datetime
    used_at: datetime | None = None
    asked: str | None = None
    """What it was used for: the same again is a replay."""
    answer: bytes | None = None
    """The sealed answer it was used for."""


def judge_refresh(token: RefreshToken, consent: Consent, now: datetime, *, asked: str) -> Refresh:
    """What to do with a refresh token: pure, so that each case is a line of a table."""
    if not is_live(consent, now) or now >= token.issued_at + timedelta(days=REFRESH_IDLE_DAYS):
        return Refresh.OVER
    if token.used_at is None:
        return Refresh.ROTATE
    is_soon = now < token.used_at + timedelta(seconds=REPLAY_SECONDS)
    # Without an answer: the one that follows it was used, so its owner had it.
    is_same = token.asked == asked and token.answer is not None
    return Refresh.REPLAY if is_soon and is_same else Refresh.REUSED


def granted_scopes(asked: str | None) -> tuple[str, ...] | None:
    """The scopes a request names, in the catalogue's order: the usual ones for none at all, None if one is unknown."""
    wanted = frozenset((asked or "").split())
    if not wanted <= scopes.OAUTH:
        return None
    return tuple(scope for scope in scopes.DESCRIPTIONS if scope in (wanted or scopes.OAUTH_USUAL))
