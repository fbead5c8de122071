"""Settings of one appliance. File and environment may only tighten; what loosens lives in the vault (decision 10)."""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from stack_local.domain.errors import InvalidRequest

FILE_NAME = "settings.toml"
"""In the home of the appliance."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field with its unit; unknown keys in the file are refused."""

    host: str = "127.0.0.1"
    """The address agents connect to. Anything but loopback is refused."""
    port: int = 7822
    """The port agents connect to; 0 lets the machine choose."""
    body_bytes: int = 10_500_000
    """Largest request body."""
    head_bytes: int = 16 * 1024
    """Largest request line and headers together."""
    body_seconds: int = 30
    """How long a request body may take to arrive."""
    tool_wait_seconds: float = 4.0
    """A tool call that takes longer answers with an operation_id instead (house decision 8)."""
    progress_wait_seconds: float = 45.0
    """A tool call may take so long where its client asked to be told of its progress."""
    session_idle_seconds: int = 15 * 60
    """An operator session ends after this long without use."""
    session_seconds: int = 12 * 3600
    """An operator session ends after this long at the latest."""
    detector_seconds: float = 0.05
    """Time budget of all detectors together for one call."""
    anchor_seconds: int = 10
    """The anchor is written at least this often while there is activity."""
    kept_response_bytes: int = 1_000_000
    """Responses up to this size are kept, sealed, for a repeated or polled call."""
    keep_calls_days: int = 30
    """Sealed calls are shredded after this."""
    keep_responses_hours: int = 24
    """Sealed responses are shredded after this."""
    max_calls_at_once: int = 10
    """Proxied calls of one agent under way at the same time."""
    proxy_calls_per_minute: int = 600
    """Proxied calls of one agent, or of one key that stands for none; a person may allow more (`SetRates`)."""
    intents_per_hour: int = 60
    """Intents that one agent may submit: each asks for a person's attention; a person may allow more (`SetRates`)."""
    registrations_per_hour: int = 60
    """OAuth clients that may register."""
    token_requests_per_minute: int = 120
    """Requests of one OAuth client to the token endpoint."""
    scan_seconds: float = 3.0
    """Time budget of one scan (product.md 0); what was not looked at by then is said."""
    scans_per_minute: int = 300
    """Scans of one agent, or of one key that stands for none."""
    scans_per_month: int = 0
    """Scans of one agent in a calendar month (UTC), or of one key that stands for none; 0: as many as it likes."""

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidRequest(f"the setting {name} is out of bounds", field=name, rule=f"{least} to {most}")
        if self.host not in LOOPBACK:
            raise InvalidRequest(
                "the appliance listens on loopback only",
                field="host",
                rule="one of " + ", ".join(LOOPBACK),
                hint="members reach a VM over TLS, which this version does not serve yet",
            )


LOOPBACK = ("127.0.0.1", "::1")
"""Where the appliance may listen."""

BOUNDS: dict[str, tuple[float, float]] = {
    "port": (0, 65535),
    "body_bytes": (1024, 10_500_000),
    "head_bytes": (1024, 64 * 1024),
    "body_seconds": (1, 120),
    "tool_wait_seconds": (0.1, 50),
    "progress_wait_seconds": (0.1, 50),
    "session_idle_seconds": (60, 3600),
    "session_seconds": (60, 12 * 3600),
    "detector_seconds": (0.001, 5),
    "anchor_seconds": (1, 10),
    "kept_response_bytes": (1000, 10_000_000),
    "keep_calls_days": (1, 30),
    "keep_responses_hours": (1, 24),
    "max_calls_at_once": (1, 1000),
    "proxy_calls_per_minute": (1, 600),
    "intents_per_hour": (1, 60),
    "registrations_per_hour": (1, 10_000),
    "token_requests_per_minute": (1, 100_000),
    "scan_seconds": (0.01, 10),
    "scans_per_minute": (1, 300),
    "scans_per_month": (0, 1_000_000_000),
}
"""The least and the most of each number."""


def load(home: Path, **chosen: Any) -> Settings:
    """The settings of a home: its file, then what the command line chose.

    Raises:
        InvalidRequest: the file names an unknown key, a wrong type or a value out of bounds.
    """
    path = home / FILE_NAME
    values = _read(path) if path.exists() else {}
    return replace(Settings(**values), **{name: value for name, value in chosen.items() if value is not None})


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise InvalidRequest(
            f"{path.name} cannot be read as TOML", field=path.name, hint="see docs/settings.md"
        ) from None
    known = {field.name: field for field in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise InvalidRequest(
                f"{path.name} names the unknown setting {name}", field=name, hint="see docs/settings.md"
            )
        default = known[name].default
        if type(value) is not type(default) and not (isinstance(default, float) and type(value) is int):
            raise InvalidRequest(
                f"the setting {name} has the wrong type",
                field=name,
                rule=type(default).__name__,
                hint="see docs/settings.md",
            )
    return values
