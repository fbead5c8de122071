"""Taking every echo of a credential out of an answer, in the forms a service is likely to give it back."""

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote_to_bytes

from stack_local.domain.secrets import Secret
from stack_local.proxy.scrub_stream import StreamScrubber

SHORTEST = 6
"""A secret of fewer bytes is not looked for: it would be found everywhere."""

MARK = "[redacted]"
"""What stands in its place."""


class Scrubber:
    """Finds one connection's secrets in any bytes. An upstream that wants to hide them can (see SECURITY.md)."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        found = {form.lower() for secret in secrets for form in forms(secret.reveal())}
        self._forms = sorted(found, key=lambda form: (-len(form), form))
        bare = {form.translate(None, _BLANKS) for form in found}
        self._squeezed_forms = [form for form in bare if len(form) >= SHORTEST]

    def clean(self, content: bytes) -> tuple[bytes, bool]:
        """The content without the secret, and whether it was there."""
        cleaned, was_there = self._without(content)
        squeezed = _squeezed(cleaned).lower()
        if any(form in squeezed for form in self._squeezed_forms):
            # Wrapped over lines, or escaped once more: where it stands cannot be said, so all of it goes.
            return MARK.encode(), True
        return cleaned, was_there

    def stream(self) -> StreamScrubber:
        """What cleans one answer as it comes."""
        return StreamScrubber(self.clean, max((len(form) for form in self._forms), default=SHORTEST))

    def _without(self, content: bytes) -> tuple[bytes, bool]:
        present = self._present(content)
        if not present:
            return content, False
        pattern = re.compile(b"|".join(re.escape(form) for form in present), re.IGNORECASE)
        return pattern.sub(MARK.encode(), content), True

    def _present(self, content: bytes) -> list[bytes]:
        """The forms that stand in the content, longest first; one plain search each, which is fast in C."""
        lowered = content.lower()
        return [form for form in self._forms if form in lowered]

    def clean_text(self, text: str) -> tuple[str, bool]:
        """The same for a header's value."""
        cleaned, was_there = self.clean(text.encode("utf-8", "surrogateescape"))
        return cleaned.decode("utf-8", "replace"), was_there


_BLANKS = b" \t\r\n\f\v\\"


def _squeezed(content: bytes) -> bytes:
    """The content as a reader would undo its wrapping and its second escape."""
    plain = unquote_to_bytes(content) if b"%" in content else content
    if b"&" in plain:
        plain = html.unescape(plain.decode("latin-1")).encode("latin-1", "ignore")
    return re.sub(rb"\\[rnt]", b"", plain).translate(None, _BLANKS)


def forms(secret: str) -> set[bytes]:
    """The forms that are looked for; letter case is ignored throughout."""
    raw = secret.encode()
    if len(raw) < SHORTEST:
        return set()
    found = {
        raw,
        raw.replace(b" ", b"+"),
        raw.hex().encode(),
        secret.encode("utf-16-le"),
        secret.encode("utf-16-be"),
        raw[::-1],
    }
    found |= {_percent(raw), *(quote(secret, safe=safe).encode() for safe in _UNQUOTED)}
    found |= {quote_plus(secret, safe=safe).encode() for safe in _UNQUOTED}
    found |= {form.encode() for form in _json_forms(secret)} | {_unicode_escapes(secret)}
    found |= {form.encode() for form in _html_forms(secret)}
    found |= {_entities(secret, "&#{};"), _entities(secret, "&#x{:x};")}
    found |= {_spelled(raw, "\\x"), _spelled(raw, "x"), _spelled(raw, "u00")}
    found |= set(_base64_windows(raw))
    return {form for form in found if len(form) >= SHORTEST}


_UNQUOTED = ("", "/", "*", "!*'()", "/~!*'()", ";,/?:@&=+$!*'()#~", "/:", "/?:@!$&'()*+,;=~")
"""Characters that one library or another leaves as they are in a URL."""


def _json_forms(secret: str) -> set[str]:
    """JSON strings: plain, with PHP's escaped slash, with the HTML-safe escapes of Go and Rails."""
    plain = json.dumps(secret)[1:-1]
    unicode = json.dumps(secret, ensure_ascii=False)[1:-1]
    safe = plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    every = {plain, unicode, safe, safe.replace("'", "\\u0027")}
    return every | {form.replace("/", "\\/") for form in every}


def _html_forms(secret: str) -> set[str]:
    """HTML text: with and without its quotes escaped, by name or by number."""
    bare = html.escape(secret, quote=False)
    double, single = ('"', "&quot;", "&#34;", "&#x22;"), ("'", "&#x27;", "&#39;", "&apos;", "&#039;")
    return {bare.replace('"', left).replace("'", right) for left in double for right in single}


def _percent(raw: bytes) -> bytes:
    return _spelled(raw, "%")


def _spelled(raw: bytes, mark: str) -> bytes:
    """Each byte in hex behind a mark; without a backslash as it is left when one was taken away."""
    return "".join(f"{mark}{byte:02x}" for byte in raw).encode()


def _unicode_escapes(secret: str) -> bytes:
    return "".join(f"\\u{ord(character):04x}" for character in secret).encode()


def _entities(secret: str, form: str) -> bytes:
    return "".join(form.format(ord(character)) for character in secret).encode()


def _base64_windows(raw: bytes) -> Iterable[bytes]:
    """The part of the encoding that does not depend on what stands before or after, for each of three alignments."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        first = -(-shift * 4 // 3)
        last = (shift + len(raw)) * 4 // 3
        window = encoded[first:last]
        yield window
        yield window.replace(b"+", b"-").replace(b"/", b"_")
