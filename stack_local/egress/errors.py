"""What goes wrong on the way out, and whether the request may have left.

EgressFailed
└── EgressRefused   we would not connect there: nothing was sent
"""

from typing import Literal

FailureCode = Literal[
    "egress_denied",
    "request_invalid",
    "dns_failed",
    "connect_failed",
    "tls_failed",
    "connection_reset",
    "response_invalid",
    "response_too_large",
    "response_coding",
    "timed_out",
]
"""Why it failed; the proxy maps each to an error of the house."""


class EgressFailed(Exception):
    """An outbound request that brought no usable answer. `message` never quotes a header or a body."""

    def __init__(self, message: str, *, code: FailureCode, sent: bool) -> None:
        super().__init__(message)
        self.message = message
        self.code: FailureCode = code
        self.sent = sent
        """False: certainly before the first byte left. True: in doubt."""


class EgressRefused(EgressFailed):
    """A host, address or port we do not connect to. `reason` is for the audit log, not for the agent."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, code="egress_denied", sent=False)
        self.reason = reason
