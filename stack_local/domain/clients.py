"""OAuth clients: which redirect URIs one may register, and which a request may then name (RFC 8252, RFC 9700)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MAX_REDIRECT_URIS = 10
MAX_REDIRECT_BYTES = 512
MAX_NAME_CHARACTERS = 128

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""Where a native client listens for the code; only there is plain http allowed, and the port left open."""

DANGEROUS_SCHEMES = frozenset(
    {"about", "blob", "chrome", "data", "file", "filesystem", "ftp", "javascript", "mailto", "tel", "vbscript",
     "view-source", "ws", "wss"}
)  # fmt: skip
"""What a browser acts on by itself; a client of one's own has a scheme of its own."""

RESERVED_NAMES = frozenset({"stack", "stacklocal"})
"""Ours: a client that is called so would speak in our name."""

_PRINTABLE = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(:[0-9]+)?")
# No comma and no semicolon: the origin stands in the page's content security policy.


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client: public, without a secret, proven by PKCE and its redirect URI alone."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    is_first_party: bool = False
    """Our own command: it alone may use the device grant."""


def refused_redirect(uri: str) -> str | None:
    """Why this redirect URI is not registered; None if it may be."""
    if len(uri) > MAX_REDIRECT_BYTES or not _PRINTABLE.fullmatch(uri):
        return f"at most {MAX_REDIRECT_BYTES} characters of printable ASCII without a blank"
    if "*" in uri or "#" in uri or "\\" in uri:
        return "no wildcard, no fragment, no backslash"
    parts = _split(uri)
    if parts is None or parts.username is not None or parts.password is not None:
        return "an absolute URI without a user name"
    if not _AUTHORITY.fullmatch(parts.netloc):
        return "a host of letters, digits, dots and hyphens"
    match parts.scheme:
        case "https":
            return None if parts.hostname else "https needs a host"
        case "http":
            return None if parts.hostname in LOOPBACK_HOSTS else "http only for 127.0.0.1, [::1] or localhost"
        case scheme:
            return _refused_private(scheme, parts)


def _refused_private(scheme: str, parts: SplitResult) -> str | None:
    if not _SCHEME.fullmatch(scheme) or scheme in DANGEROUS_SCHEMES:
        return "https, http on loopback, or a scheme of the client's own"
    # RFC 8252, section 7.1 asks for a reversed domain name; clients in use name themselves after `//` instead.
    return None if "." in scheme or parts.netloc else "a scheme of its own has a dot, or an authority after //"


def allows_redirect(registered: Sequence[str], requested: str) -> bool:
    """Whether a request may name this redirect URI: exactly a registered one; on loopback the port is free.

    RFC 8252, section 7.3; RFC 9700, section 2.1.
    """
    return requested in registered or any(_differs_in_port_only(uri, requested) for uri in registered)


def _differs_in_port_only(registered: str, requested: str) -> bool:
    ours, theirs = _split(registered), _split(requested)
    if ours is None or theirs is None or ours.scheme != "http" or ours.hostname not in LOOPBACK_HOSTS:
        return False
    # Compared as they are written: `127.1` or an escaped dot is another address, whatever it resolves to.
    return _without_port(registered, ours) == _without_port(requested, theirs)


def _without_port(uri: str, parts: SplitResult) -> str:
    host, _, port = parts.netloc.rpartition(":")
    if not port.isdigit() or not host:
        return uri
    return uri.replace(parts.netloc, host, 1)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # a port that is no number is found only when it is asked for
    except ValueError:
        return None
    return parts if parts.scheme and (parts.netloc or parts.path) else None


def is_loopback(uri: str) -> bool:
    """Whether any program of this machine may be behind a redirect URI."""
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


def is_private_scheme(uri: str) -> bool:
    """Whether a redirect URI is handed to another program, by a scheme of the client's own."""
    parts = _split(uri)
    return parts is not None and parts.scheme not in ("http", "https")


def redirect_host(uri: str) -> str:
    """Where the browser is sent, as a person is shown it: the host, or the scheme that names a program."""
    parts = _split(uri)
    if parts is None:
        return uri
    return f"{parts.scheme}:" if is_private_scheme(uri) else parts.netloc


def publisher(client_id: str) -> str:
    """The host whose document describes a client; empty for one that registered itself."""
    parts = _split(client_id)
    return parts.netloc if parts is not None and parts.scheme == "https" else ""


def redirect_origin(uri: str) -> str | None:
    """The origin of a redirect URI as a content security policy names it; None for a program, and for an IPv6 address,
    which has no place in its grammar (CSP 3, section 2.3.1).
    """
    parts = _split(uri)
    if parts is None or is_private_scheme(uri) or "[" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}"


def clean_name(raw_name: str) -> str:
    """A client's name without what is not text: control characters, direction marks, runs of blanks."""
    shown = "".join(letter for letter in raw_name if unicodedata.category(letter)[0] not in "CM" or letter == " ")
    return " ".join(shown.split())[:MAX_NAME_CHARACTERS]


def is_reserved(name: str) -> bool:
    """Whether a name is ours, however it is written."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
    return letters in RESERVED_NAMES
