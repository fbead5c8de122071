"""Ids: a prefix that says what it names, and 22 characters of base62 (131 bits)."""

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
RANDOM_LENGTH = 22
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
}
"""What each id begins with (house decision 1; `chk_` and `grt_` are ours)."""


_PAIRS = [low + high for high in ALPHABET for low in ALPHABET]
"""Two digits at once, the lower one first."""


def pattern(kind: str) -> str:
    """The regular expression every id of this kind matches."""
    return f"^{re.escape(PREFIXES[kind])}[0-9A-Za-z]{{{RANDOM_LENGTH}}}$"


def encode(kind: str, number: int) -> str:
    """An id of this kind from a random number below 62**22."""
    written = PREFIXES[kind]
    for _ in range(RANDOM_LENGTH // 2):
        number, pair = divmod(number, len(_PAIRS))
        written += _PAIRS[pair]
    return written
