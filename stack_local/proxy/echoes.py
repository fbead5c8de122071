"""The forms in which a service is likely to give a credential back. What they leave out is in docs/threat-model.md."""

import base64
import codecs
import html
import json
import quopri
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Bytes; a secret or a form of fewer is not looked for: it would be found everywhere."""


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
        codecs.encode(secret, "rot13").encode(),
        # A soft line break is taken out of what is searched, so it has none here.
        quopri.encodestring(raw).replace(b"=\n", b""),
    }
    found |= {quote(secret, safe=safe).encode() for safe in _UNQUOTED}
    found |= {quote_plus(secret, safe=safe).encode() for safe in _UNQUOTED}
    found |= {form.encode() for form in _json_forms(secret)} | {_unicode_escapes(secret)}
    found |= {form.encode() for form in _html_forms(secret)}
    found |= {_entities(secret, "&#{};"), _entities(secret, "&#x{:x};")}
    found |= {_spelled(raw, mark) for mark in ("%", "=", "\\x", "x", "u00", ":", ",0x")}
    found |= {",".join(map(str, raw)).encode(), "".join(f"\\{byte:03o}" for byte in raw).encode()}
    once = set(_base64_windows(raw))
    found |= once | {twice for window in once for twice in _base64_windows(window)}
    found |= set(_windows(base64.b32encode, raw, bits=5))
    return {form for form in found if len(form) >= SHORTEST}


_UNQUOTED = ("", "/", "*", "!*'()", "/~!*'()", ";,/?:@&=+$!*'()#~", "/:", "/?:@!$&'()*+,;=~")
"""Characters that one library or another leaves as they are in a URL."""


def _json_forms(secret: str) -> set[str]:
    """JSON strings: plain, with PHP's escaped slash, with the HTML-safe escapes of Go, of Rails and of .NET."""
    plain = json.dumps(secret)[1:-1]
    unicode = json.dumps(secret, ensure_ascii=False)[1:-1]
    safe = plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    careful = safe.replace('\\"', "\\u0022").replace("'", "\\u0027").replace("+", "\\u002b").replace("`", "\\u0060")
    every = {plain, unicode, safe, safe.replace("'", "\\u0027"), careful}
    return every | {form.replace("/", "\\/") for form in every}


def _html_forms(secret: str) -> set[str]:
    """HTML text: with and without its quotes escaped, by name or by number."""
    bare = html.escape(secret, quote=False)
    double, single = ('"', "&quot;", "&#34;", "&#x22;"), ("'", "&#x27;", "&#39;", "&apos;", "&#039;")
    return {bare.replace('"', left).replace("'", right) for left in double for right in single}


def _spelled(raw: bytes, mark: str) -> bytes:
    """Each byte in hex behind a mark, less the marks before the first where they only part one byte from the next."""
    return "".join(f"{mark}{byte:02x}" for byte in raw).encode().lstrip(b":,")


def _unicode_escapes(secret: str) -> bytes:
    return "".join(f"\\u{ord(character):04x}" for character in secret).encode()


def _entities(secret: str, form: str) -> bytes:
    return "".join(form.format(ord(character)) for character in secret).encode()


def _base64_windows(raw: bytes) -> Iterator[bytes]:
    for window in _windows(base64.b64encode, raw, bits=6):
        yield window
        yield window.replace(b"+", b"-").replace(b"/", b"_")


def _windows(encode: Callable[[bytes], bytes], raw: bytes, *, bits: int) -> Iterator[bytes]:
    """The digits, of so many bits, that do not depend on what stands before or after, for each alignment."""
    for shift in range(bits if bits % 2 else bits // 2):
        encoded = encode(b"\0" * shift + raw)
        yield encoded[-(-shift * 8 // bits) : (shift + len(raw)) * 8 // bits]
