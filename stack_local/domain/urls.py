"""The one parser of URLs and host bindings: what it returns is what is shown, approved, checked and sent.

It refuses whatever two readers could understand differently, and never rewrites a path or a query.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from stack_local.domain.errors import InvalidRequest

URL_CHARACTERS = 8192
"""The longest URL we read."""

HOST_CHARACTERS = 253
"""The longest host name (RFC 1035, without the root dot)."""

DEFAULT_PORTS = {"https": 443, "http": 80}
"""The schemes we know, each with the port it may leave out."""

HOSTS_REMEMBERED = 64
"""Hosts whose reading is kept: one call is read more than once on its way. Never whole URLs, which may hold secrets."""

_PRINTABLE = re.compile(r"[\x21-\x7e]*", re.ASCII)
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)([^?]*)(?:\?(.*))?", re.ASCII)
_UNSAFE = re.compile(r'["<>\\^`{|}]')
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host and a port, as a connection is bound to them."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """Host and port; the port always stands, so that two texts are equal only for the same pair."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Url:
    """A URL that was read by `parse_url`."""

    scheme: str
    """`https` or `http`."""
    host: str
    """Lower-case name in A-labels, or an IP literal without brackets."""
    port: int
    """As written, or the default of the scheme."""
    raw_path: str
    """Exactly as written; begins with `/`."""
    raw_query: str | None
    """Exactly as written without the `?`; None when there is no `?`."""

    @property
    def host_port(self) -> HostPort:
        """The pair an exemption or a binding is compared with."""
        return HostPort(self.host, self.port)

    @property
    def authority(self) -> str:
        """What goes into the Host header: the default port is left out."""
        host = bracketed(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """What goes into the request line."""
        return self.raw_path if self.raw_query is None else f"{self.raw_path}?{self.raw_query}"

    @property
    def text(self) -> str:
        """The whole URL."""
        return self.origin + self.target


def parse_url(raw: str) -> Url:
    """Read an absolute https or http URL.

    Raises:
        InvalidRequest: it breaks a rule, named in `details["rule"]`; `details["hint"]` says what would pass.
    """
    _check_characters(raw)
    parts = _PARTS.fullmatch(raw)
    if parts is None:
        _refuse("url_form", "the url is not absolute", "write it as https://host/path")
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3], parts[4]
    if scheme not in DEFAULT_PORTS:
        _refuse("url_scheme", "the scheme of the url is not served", "use https")
    host, port = _split_authority(authority, DEFAULT_PORTS[scheme])
    _check_path(path)
    return Url(scheme=scheme, host=host, port=port, raw_path=path or "/", raw_query=query)


def parse_host_port(raw: str, default_port: int = 443) -> HostPort:
    """Read a host binding: `api.github.com`, `127.0.0.1:8080`, `[::1]:8443`.

    Raises:
        InvalidRequest: as `parse_url`.
    """
    if "/" in raw:
        _refuse("url_host", "a host stands alone, without http:// and without a path", "write it as host or host:port")
    if len(raw) > HOST_CHARACTERS + len("[]:65535"):
        _refuse("url_host", "the host is too long", f"at most {HOST_CHARACTERS} characters")
    return HostPort(*_split_authority(raw, default_port))


def is_ip_literal(host: str) -> bool:
    """Whether a host that passed the parser is an address: no name has a colon or ends in a number."""
    return ":" in host or _NUMERIC.fullmatch(host.rpartition(".")[2]) is not None


def bracketed(host: str) -> str:
    """The host as it stands in an authority."""
    return f"[{host}]" if ":" in host else host


def _check_characters(raw: str) -> None:
    if len(raw) > URL_CHARACTERS:
        _refuse("url_length", "the url is too long", f"at most {URL_CHARACTERS} characters")
    if not _PRINTABLE.fullmatch(raw):
        _refuse(
            "url_characters",
            "the url holds a blank, a control or a character outside ASCII",
            "percent-encode the path and query; write the host as A-labels (xn--…)",
        )
    if "#" in raw:
        _refuse("url_fragment", "the url has a fragment", "leave out `#` and what follows")
    if _UNSAFE.search(raw):
        _refuse("url_characters", "the url holds a character that must be escaped", "percent-encode it")
    if _ESCAPE.search(raw):
        _refuse("url_escape", "a `%` is not followed by two hexadecimal digits", "write a plain `%` as %25")
    if "%00" in raw:
        _refuse("url_escape", "the url holds an encoded NUL", "leave out %00")


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        _refuse("url_userinfo", "the url holds a user name or password", "leave out everything before `@`")
    if authority.startswith("["):
        literal, bracket, rest = authority[1:].partition("]")
        if not bracket:
            _refuse("url_host", "the bracket of the address is not closed", "write it as [address]:port")
        return _check_ipv6(literal), _read_port(rest, default_port)
    host, colon, port = authority.partition(":")
    return _check_host(host), _read_port(colon + port, default_port)


def _read_port(rest: str, default_port: int) -> int:
    """The port in `rest`, which is empty or a colon with digits."""
    if not rest:
        return default_port
    if not rest.startswith(":") or not _PORT.fullmatch(rest[1:]) or int(rest[1:]) > 65535:
        _refuse("url_port", "the port is not a plain number from 1 to 65535", "write it as host:port")
    return int(rest[1:])


@lru_cache(HOSTS_REMEMBERED)
def _check_host(written: str) -> str:
    """The lower-case host; ASCII first, because some other letters become ASCII in lower case."""
    if not written.isascii():
        _refuse("url_host", "the host is not ASCII", "write it as A-labels (xn--…)")
    host = written.lower()
    if not host or len(host) > HOST_CHARACTERS:
        _refuse("url_host", "the host is empty or too long", f"1 to {HOST_CHARACTERS} characters")
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        _refuse("url_host", "the host is not a plain name", "letters, digits, inner hyphens and single dots")
    if _NUMERIC.fullmatch(labels[-1]) and not _is_dotted_quad(host):
        _refuse("url_host", "the host looks like an address in an unusual form", "write it as four decimal numbers")
    return host


def _is_dotted_quad(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _check_ipv6(literal: str) -> str:
    """The literal in its one canonical form; forms that hide an IPv4 address or a zone are refused."""
    try:
        address = ipaddress.IPv6Address(literal)
    except ValueError:
        _refuse("url_host", "the bracketed host is not an IPv6 address", "write it as [address]")
    if address.ipv4_mapped is not None or str(address) != literal.lower() or not literal.isascii() or "%" in literal:
        _refuse("url_host", "the IPv6 address is not in canonical form", "use the short lower-case form")
    return str(address)


def _check_path(path: str) -> None:
    """Refuse dot segments, also as a server may see them after it decoded `%2e`, `%2f`, `%5c` or cut `;…`."""
    lowered = path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("%3b", ";")
    if any(segment.partition(";")[0] in {".", ".."} for segment in lowered.split("/")):
        _refuse("url_dot_segment", "the path holds a dot segment", "write the path it would lead to")


def _refuse(rule: str, message: str, hint: str) -> NoReturn:
    raise InvalidRequest(message, field="url", rule=rule, hint=hint)
