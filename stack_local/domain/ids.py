"""Ids: a prefix that says what it names, and 22 characters of base62: the time, then chance."""

import base64
import re
from typing import NewType

AgentId = NewType("AgentId", str)
ApprovalId = NewType("ApprovalId", str)
ConnectionId = NewType("ConnectionId", str)
KeyId = NewType("KeyId", str)
OperationId = NewType("OperationId", str)
OperatorId = NewType("OperatorId", str)
PassportId = NewType("PassportId", str)
SessionId = NewType("SessionId", str)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TIME_LENGTH, RANDOM_LENGTH = 8, 14
"""Characters after the prefix."""

PREFIXES = {
    "operator": "op_",
    "agent": "agt_",
    "service": "svc_",
    "connection": "scon_",
    "passport": "ppt_",
    "session": "ses_",
    "claim": "pc_",
    "audit": "aud_",
    "event": "sev_",
    "approval": "apr_",
    "operation": "opn_",
    "key": "key_",
    "checkpoint": "chk_",
    "grant": "grt_",
    "client": "cli_",
    "authorization": "azr_",
    "consent": "cns_",
    "scan": "scn_",
    "attempt": "att_",
}
"""What each id begins with (house decision 1; those from `chk_` on are ours)."""


def pattern(kind: str) -> str:
    """The regular expression every id of this kind matches."""
    return f"^{re.escape(PREFIXES[kind])}[0-9A-Za-z]{{{TIME_LENGTH + RANDOM_LENGTH}}}$"


def encode(kind: str, at_milliseconds: int, random: bytes) -> str:
    """An id of this kind: the time in its first 8 characters, so that the newest stand together, then 83 random bits.

    `random` is uniform, at least 24 bytes. It is read as base64, in which each character is as likely as another;
    without the two that are no letter or digit, so are those of base62.
    """
    written = ""
    for _ in range(TIME_LENGTH):
        at_milliseconds, digit = divmod(at_milliseconds, len(ALPHABET))
        written = ALPHABET[digit] + written
    characters = base64.b64encode(random).translate(None, b"+/=").decode()
    if len(characters) < RANDOM_LENGTH:
        raise ValueError("hardly any of these bytes can be used")
    return PREFIXES[kind] + written + characters[:RANDOM_LENGTH]
