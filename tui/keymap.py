"""The keys: one table from key to named action, from which bindings, hints, help and palette are made."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Place = Literal["everywhere", "main", "approvals", "audit", "passports", "services", "agents", "clients"]
"""Where a key works; `main` is each of the six numbered screens."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key and what it does there."""

    key: str
    action: str
    words: str
    """For the help and the palette: a sentence without a stop."""
    place: Place
    hint: str | None = None
    """For the line of hints at the foot; None keeps it out."""
    sign: str | None = None
    """How the key is written, where its name is not what stands on it."""

    @property
    def shown(self) -> str:
        """The key as a person knows it."""
        return self.sign or self.key


KEYS = (
    Key("a", "approve", "Approve the call shown: once, N times, for a time, for the session", "approvals", "approve"),
    Key("e", "edit", "Change the call shown, then approve what you changed it to", "approvals", "edit"),
    Key("s", "send_back", "Send the call shown back with a note; nothing is revoked", "approvals", "send back"),
    Key("r", "reject", "Reject the call shown; its passport is revoked", "approvals", "reject"),
    Key("B", "reject_and_block", "Reject the call shown and block its agent", "approvals", "block"),
    Key("x", "bytes", "See the exact bytes of the call shown", "approvals", "bytes"),
    Key("space", "read_on", "Scroll the call shown", "approvals"),
    Key("slash", "filter", "Filter the log", "audit", "filter", "/"),
    Key("v", "verify", "Verify the whole chain", "audit", "verify chain"),
    Key("o", "outcomes", "Say what became of writes whose outcome is unknown", "audit", "outcomes"),
    Key("R", "revoke", "Revoke what the cursor is on: passport, session or agent", "passports", "revoke"),
    Key("E", "revoke_everything", "Emergency stop: revoke every passport", "passports", "everything"),
    Key("c", "connect", "Connect a service: one of the catalogue, or one of your own", "services", "connect"),
    Key("v", "verify", "Ask the service whether its credential works", "services", "try"),
    Key("h", "hosts", "Change the hosts a connection is bound to", "services", "hosts"),
    Key("t", "rotate", "Give another secret, or log in again; the one before is kept", "services", "rotate"),
    Key("z", "undo", "Go back to the secret before this one", "services", "undo"),
    Key("p", "proposals", "See which services agents ask for", "services", "asked"),
    Key("D", "disconnect", "Disconnect a service and destroy its credential", "services", "erase"),
    Key("n", "new_agent", "Register an agent", "agents", "new"),
    Key("k", "new_key", "Mint a key for the agent the cursor is on", "agents", "key"),
    Key("g", "grant", "Let the agent use a connection", "agents", "grant"),
    Key("R", "take_away", "Take every service and passport from the agent", "agents", "revoke"),
    Key("w", "asks", "Choose which calls of the agent ask you", "agents", "asks"),
    Key("p", "pause", "Suspend the agent, or let it go on", "agents", "suspend"),
    Key("u", "unblock", "Let a blocked agent hold passports again", "agents", "unblock"),
    Key(
        "a",
        "let_in",
        "Let the client shown in: as which agent, and how far it may use each service",
        "clients",
        "let in",
    ),
    Key("r", "refuse", "Refuse the client shown", "clients", "refuse"),
    Key("R", "revoke", "End what the client shown was allowed", "clients", "revoke"),
    Key("c", "device_code", "Type the code that a command shows", "clients", "code"),
    Key("1", "app.show_place('approvals')", "Go to approvals", "main"),
    Key("2", "app.show_place('audit')", "Go to the audit log", "main"),
    Key("3", "app.show_place('passports')", "Go to passports", "main"),
    Key("4", "app.show_place('services')", "Go to services", "main"),
    Key("5", "app.show_place('agents')", "Go to agents", "main"),
    Key("6", "app.show_place('clients')", "Go to clients", "main"),
    Key("ctrl+l", "app.lock", "Lock the vault: no call goes out until you unlock it", "main", "lock", "^l"),
    Key("question_mark", "app.help", "Show every key", "main", "help", "?"),
    Key("ctrl+p", "app.command_palette", "Find an action by name", "main", None, "^p"),
    Key("ctrl+q", "app.leave", "Quit", "everywhere", None, "^q"),
    Key("ctrl+c", "app.leave", "Quit", "everywhere", None, "^c"),
)

PLACE_TITLES: dict[Place, str] = {
    "approvals": "1 Approvals",
    "audit": "2 Audit",
    "passports": "3 Passports",
    "services": "4 Services",
    "agents": "5 Agents",
    "clients": "6 Clients",
    "main": "On each of these",
    "everywhere": "Everywhere",
}


def keys_of(places: Iterable[Place]) -> list[Key]:
    """The keys of some places, in the order of the table."""
    wanted = frozenset(places)
    return [key for key in KEYS if key.place in wanted]


def bindings(*places: Place, priority: bool = False) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """The keys of some places as Textual takes them."""
    return [Binding(key.key, key.action, key.words, show=False, priority=priority) for key in keys_of(places)]
