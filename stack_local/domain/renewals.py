"""When a token is renewed: a while before its end, so that no call meets its last second."""

from datetime import datetime, timedelta

AHEAD_SECONDS = 60
"""How long before the end at least."""

AHEAD_SHARE = 10
"""And a tenth of the token's life on top."""

AHEAD_MOST_SECONDS = 600
"""At most so much on top."""


def renew_at(*, obtained_at: datetime, expires_at: datetime) -> datetime:
    """From when on a token is renewed before it is used; never before half of its life is over."""
    life = max((expires_at - obtained_at).total_seconds(), 0.0)
    ahead = AHEAD_SECONDS + min(life / AHEAD_SHARE, AHEAD_MOST_SECONDS)
    return expires_at - timedelta(seconds=min(ahead, life / 2))
