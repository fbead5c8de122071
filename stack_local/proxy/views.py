"""Ways of reading bytes: as written, without their wrapping, and without their escapes, however often applied."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html.entities import html5

LONGEST_ESCAPE = 256
"""Bytes; an escape that is written longer, in many layers at once, is not undone where a stream cuts it."""

_BLANKS = b" \t\r\n\f\v\\\0"
"""What stands between the characters of a text without changing it: wrapping, backslashes, the zeros of UTF-16."""

_SMALL = bytes(range(256)).lower()

_DATA = b"data:"
"""What begins each line of a server-sent event."""

_Match = re.Match[bytes]
_Plain = Callable[[_Match], bytes] | bytes


def _byte(found: _Match) -> bytes:
    return bytes.fromhex(found[1].decode())


def _utf16_unit(found: _Match) -> bytes:
    return _character(int(found[1], 16))


def _entity(found: _Match) -> bytes:
    if found[1]:
        return _character(int(found[1], 16))
    return _character(int(found[2])) if found[2] else _NAMES.get(found[3], found[0])


def _character(code: int) -> bytes:
    return chr(code).encode("utf-8", "ignore") if code <= 0x10FFFF else b""


_NAMES = {name.encode(): text.encode() for name, text in html5.items()}


@dataclass(frozen=True, slots=True)
class _Layer:
    """One way of writing a character as several. Repetitions are bounded, or some content would be slow to search."""

    mark: bytes
    """Stands in each of them."""
    whole: re.Pattern[bytes]
    begun: re.Pattern[bytes]
    """An end of text that more text may make one of them."""
    plain: _Plain


_LAYERS = (
    # Its beginning holds nothing back by itself: see `View.stem`.
    _Layer(_DATA, re.compile(_DATA), re.compile(rb"(?!)"), b""),
    # The soft line break of quoted-printable text (RFC 2045, 6.7).
    _Layer(b"=", re.compile(rb"=\r?\n"), re.compile(rb"=\r?\Z"), b""),
    # Before the next: a backslash that ends a line does not make what follows the break an escape.
    _Layer(b"\\", re.compile(rb"\\[rnt]"), re.compile(rb"\\\Z"), b""),
    # A line may break within an escape.
    _Layer(b"\n", re.compile(rb"\r?\n[ \t]*"), re.compile(rb"\r\Z"), b""),
    _Layer(b"%", re.compile(rb"%(?:25){0,8}([0-9a-fA-F]{2})"), re.compile(rb"%(?:25){0,8}[0-9a-fA-F]?\Z"), _byte),
    _Layer(b"\\u", re.compile(rb"\\u([0-9a-fA-F]{4})"), re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z"), _utf16_unit),
    _Layer(b"\\x", re.compile(rb"\\x([0-9a-fA-F]{2})"), re.compile(rb"\\(?:x[0-9a-fA-F]?)?\Z"), _byte),
    _Layer(
        b"&",
        re.compile(rb"&(?:amp;){0,8}(?:#[xX]([0-9a-fA-F]{1,16});?|#([0-9]{1,16});?|([a-zA-Z][a-zA-Z0-9]{1,31};))"),
        re.compile(rb"&(?:amp;){0,8}(?:#[xX]?[0-9a-fA-F]{0,16}|[a-zA-Z][a-zA-Z0-9]{0,31})?\Z"),
        _entity,
    ),
)
"""In the order in which they are undone. A backslash of which nothing else is left is a blank."""

_BLANK_RUN = re.compile(rb"[ \t\r\n\f\v\\\0]+")
_BEGUN_DATA = re.compile(rb"d(?:a(?:ta?)?)?\Z")
_BEGUN_LAYER = re.compile(rb"[%\\&=]|\r\Z")
"""Something of it stands in every escape that is not whole."""


def is_plain(content: bytes) -> bool:
    """Whether there is nothing to undo in it but blanks."""
    return not any(sign in content for sign in (b"%", b"\\", b"&", b"=\n", b"=\r", _DATA))


@dataclass(frozen=True, slots=True)
class Traced:
    """A text, and from where to where in the content each of its bytes is written."""

    text: bytes
    starts: Sequence[int]
    ends: Sequence[int]


@dataclass(frozen=True, slots=True)
class View:
    """One way of reading content; its texts are in small letters."""

    layers: tuple[_Layer, ...]
    blanks: bytes
    """What is passed over."""

    def text(self, content: bytes) -> bytes:
        """What is read."""
        for layer in self.layers:
            if layer.mark in content:
                content = layer.whole.sub(layer.plain, content)
        return content.translate(_SMALL, self.blanks)

    def traced(self, content: bytes) -> Traced:
        """The same, slowly, with where it stands."""
        trace = _untouched(content)
        for layer in self.layers:
            trace = _replaced(trace, layer.whole, layer.plain)
        if self.blanks:
            trace = _replaced(trace, _BLANK_RUN, b"")
        return Traced(trace.text.lower(), trace.starts, trace.ends)

    def whole_bytes(self, content: bytes) -> int:
        """How much of the content has no escape at its end that is not whole yet."""
        first = max(0, len(content) - LONGEST_ESCAPE)
        trace, whole = _untouched(content[first:]), len(content)
        if _BEGUN_LAYER.search(trace.text) is None:
            return whole
        for layer in self.layers:
            begun = layer.begun.search(trace.text)
            if begun is not None:
                whole = first + trace.starts[begun.start()]
                trace = Traced(trace.text[: begun.start()], trace.starts, trace.ends)
            trace = _replaced(trace, layer.whole, layer.plain)
        return whole

    def stem(self, text: bytes) -> bytes:
        """The text less an end that more text may make one of nothing."""
        return _BEGUN_DATA.sub(b"", text) if self.layers else text


AS_WRITTEN = View((), b"")
UNWRAPPED = View((), _BLANKS)
UNESCAPED = View(_LAYERS, _BLANKS)
"""Its text is that of UNWRAPPED where the content is plain."""


def _untouched(content: bytes) -> Traced:
    return Traced(content, range(len(content)), range(1, len(content) + 1))


def _replaced(trace: Traced, pattern: re.Pattern[bytes], plain: _Plain) -> Traced:
    parts: list[bytes] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for found in pattern.finditer(trace.text):
        first, last = found.span()
        character = plain if isinstance(plain, bytes) else plain(found)
        parts += trace.text[at:first], character
        starts += [*trace.starts[at:first], *[trace.starts[first]] * len(character)]
        ends += [*trace.ends[at:first], *[trace.ends[last - 1]] * len(character)]
        at = last
    if not at:
        return trace
    return Traced(b"".join([*parts, trace.text[at:]]), [*starts, *trace.starts[at:]], [*ends, *trace.ends[at:]])
