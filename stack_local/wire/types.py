"""Field types that several areas share: ids with their patterns, tokens, reasons, JSON values."""

from typing import Annotated

from pydantic import Field, JsonValue, SecretStr, StringConstraints

from stack_local.domain import ids
from stack_local.wire.catalogue import Header

AgentId = Annotated[str, StringConstraints(pattern=ids.pattern("agent"))]
ApprovalId = Annotated[str, StringConstraints(pattern=ids.pattern("approval"))]
ConnectionId = Annotated[str, StringConstraints(pattern=ids.pattern("connection"))]
KeyId = Annotated[str, StringConstraints(pattern=ids.pattern("key"))]
OperationId = Annotated[str, StringConstraints(pattern=ids.pattern("operation"))]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22,256}$")]
"""An operation id that its caller chose (product.md 0)."""

PassportId = Annotated[str, StringConstraints(pattern=ids.pattern("passport"))]
SessionId = Annotated[str, StringConstraints(pattern=ids.pattern("session"))]

Scope = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:._/-]{1,128}$")]
"""One word of permission on a service."""

Service = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
"""A provider slug (`custom_demo`) or a connection id (`scon_…`)."""

Reason = Annotated[str, Field(max_length=500, description="Why, for the audit log.")]
Notes = Annotated[str, Field(max_length=1000, description="A note for the agent and the log.")]

PassportToken = Annotated[
    SecretStr | None,
    Header("X-Passport-Token"),
    Field(max_length=8192, description="The passport to act under: its token, or the ppt_… id of one you minted."),
]
"""A passport used as the bearer fills it."""

GovernanceId = Annotated[
    ApprovalId | None,
    Header("X-Governance-Approval"),
    Field(description="The pending decision that allowed this change, when repeating the call after it."),
]

HostText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=260),
    Field(description="One exact host, with its port where it is not 443: api.github.com, 10.0.0.5:8443."),
]
Certificates = Annotated[str, StringConstraints(max_length=65_536)]
"""Of authorities, in PEM (RFC 7468)."""

JsonBody = JsonValue
"""Any JSON."""

UNSHOWN: dict[str, JsonValue] = {"x-unshown": True}
"""Marks a field that is taken, because the product's SDK sends it, and that no agent has to know."""
