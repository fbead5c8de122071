"""A service's own addresses in its answers, as those of `/p/{service}`: a program that follows one comes back to us.

It would else go to the service itself, and take our bearer there.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from stack_local.domain.urls import parse_url

LINKS = ("location", "content-location", "link")
"""Headers that hold addresses."""

PATTERNS = 256
"""Services whose addresses are kept ready to be searched for."""

_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.ASCII | re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<([^>]*)>")


class Rewriting:
    """One answer's addresses, from the service's base to ours. In a JSON body: those that a string begins with."""

    def __init__(self, base: str, ours: str) -> None:
        """`base` may name the port that its scheme may leave out, and is empty where there is nothing to rewrite."""
        url = parse_url(base) if base else None
        self._origin = "" if url is None else url.origin
        self._base = "" if url is None else url.origin + url.raw_path.rstrip("/")
        self._ours = ours
        self._forms = _written(self._base)
        self._is_json = False
        self._last = b""
        self._held = b""

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with our addresses; what they say of the body's form is remembered."""
        if not self._base:
            return dict(headers)
        kind = headers.get("content-type", "").partition(";")[0].strip()
        self._is_json = _JSON.fullmatch(kind) is not None
        # A length that a HEAD told is another one once addresses are rewritten.
        told = {name: value for name, value in headers.items() if not self._is_json or name != "content-length"}
        return {name: self._header(name, value) for name, value in told.items()}

    def feed(self, piece: bytes) -> bytes:
        """What may be passed on now; an address that is cut in two is held back until it is whole."""
        if not self._is_json:
            return piece
        data = self._held + piece
        return self._passed(data, self._begun_at(data))

    def end(self) -> bytes:
        """The rest."""
        return self._passed(self._held, len(self._held))

    def _begun_at(self, data: bytes) -> int:
        """Where the end of the data begins that more of it may make an address; its length if there is none."""
        at = data.find(b'"', max(0, len(data) - len(self._forms[1])))
        while at >= 0:
            if any(form.startswith(data[at:]) for form in self._forms):
                return at
            at = data.find(b'"', at + 1)
        return len(data)

    def _passed(self, data: bytes, size: int) -> bytes:
        """The first bytes of the data, rewritten; the rest is held, and seen all the same."""
        behind = len(self._last)
        text, parts, at = self._last + data, [], behind
        for found in _pattern(self._forms).finditer(text) if any(form in text for form in self._forms) else ():
            if found.end() <= behind + size:
                parts += [text[at : found.start()], b'"', self._ours.encode("ascii")]
                at = found.end()
        parts.append(text[at : behind + size])
        self._last, self._held = text[: behind + size][-1:], data[size:]
        return b"".join(parts)

    def _header(self, name: str, value: str) -> str:
        if name not in LINKS:
            return value
        if name == "link":
            return _IN_BRACKETS.sub(lambda found: f"<{self._address(found[1])}>", value)
        return self._address(value)

    def _address(self, address: str) -> str:
        is_path = address.startswith("/") and not address.startswith("//")
        whole = self._origin + address if is_path else address
        rest = whole.removeprefix(self._base)
        is_below = whole.startswith(self._base) and rest[:1] in ("", "/", "?", "#")
        return self._ours + rest if is_below else address


def _written(base: str) -> tuple[bytes, bytes]:
    """How a JSON string begins with the base. PHP's encoders write `\/`."""
    plain = base.encode("ascii")
    return b'"' + plain, b'"' + plain.replace(b"/", rb"\/")


@lru_cache(maxsize=PATTERNS)
def _pattern(forms: tuple[bytes, bytes]) -> re.Pattern[bytes]:
    """With any other byte behind it, it is the beginning of another name; behind a `\`, text within a string."""
    return re.compile(rb"(?<!\\)(?:" + b"|".join(map(re.escape, forms)) + rb')(?=[/?"\\])')
