"""The bytes that are written as letters in a text, base64 and hex: what can be read of them (product.md 6.3, L2)."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from stack_local.domain.scan_decoders import Decoded, Decoder

LEAST_BASE64 = 20
"""Characters of base64 that are looked into: fifteen bytes, hardly a sentence."""

LEAST_HEX = 24
"""Digits of hex that are looked into."""

LEAST_TEXT = 12
"""Readable characters in a row, for bytes to be taken for text."""


def opened(text: str) -> Iterator[Decoded]:
    """What can be read of the bytes that are written in a text."""
    tokens = tuple(_base64_runs(text))
    yield from _read(Decoder.BASE64, tokens, _from_base64, shifts=4)
    yield from _read(Decoder.HEX, _hex_runs(text, has_tokens=bool(tokens)), _from_hex, shifts=2)


_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{LEAST_BASE64},}}")
_NEXT_LINE = re.compile(r"(?:[\r\n][ \t\r\n]{0,3}|\\n|\\r\\n)([A-Za-z0-9+/_-]+)")
_DIGITS = re.compile(rf"[0-9A-Fa-f]{{{LEAST_HEX},}}")
_SPELLED = re.compile(rf"[0-9A-Fa-f\\][0-9A-Fa-fx\\ :,;-]{{{LEAST_HEX},}}")
"""Bytes one by one: 69 67 6e, 69:67:6e, 0x69, 0x67."""
_SPELLED_AS = {ord(sign): "h" for sign in "0123456789abcdefABCDEF"} | {ord(sign): " " for sign in "x\\ :,;-"}
_HEX_DIGITS = "".join(_SPELLED_AS.get(byte, ".") for byte in range(256)).encode()
_BYTE_BY_BYTE = (b"hh " * 6, b"hh  " * 6, b"h hh " * 6, b"h hh  " * 6)
"""How bytes written one by one look when a digit is `h`, and what parts two bytes a space."""
_BETWEEN_BYTES = re.compile(r"0x|[x\\ :,;-]")
_URL_SAFE = str.maketrans("-_", "+/")

_READABLE = bytes(32 if byte in b"\t\n\r" or 0x20 <= byte < 0x7F else 0 for byte in range(256))
_ASCII = b" " * LEAST_TEXT
_THREE_BYTES = bytes(76 if 0xE3 <= byte <= 0xE9 else 99 if 0x80 <= byte < 0xC0 else 32 for byte in range(256))
_CHINESE = b"Lcc" * 4
"""How Chinese looks when its first bytes are `L` and the others `c` (UTF-8)."""
_TEXT = re.compile(rf"[^\x00-\x08\x0e-\x1f\x7f\ufffd]{{{LEAST_TEXT},}}")

Run = tuple[int, str]
"""Where a token begins, and the token."""


def _base64_runs(text: str) -> Iterator[Run]:
    """Tokens of base64; one that is wrapped goes on in the next line."""
    at = 0
    while found := _RUN.search(text, at):
        lines, at = [found[0]], found.end()
        while more := _NEXT_LINE.match(text, at):
            lines.append(more[1])
            at = more.end()
        yield found.start(), "".join(lines).translate(_URL_SAFE)


def _hex_runs(text: str, *, has_tokens: bool) -> Iterator[Run]:
    # So many digits of hex are a token of base64 too.
    for found in _DIGITS.finditer(text) if has_tokens else ():
        yield found.start(), found[0]
    digits_at = text.encode("latin-1", "replace").translate(_HEX_DIGITS)
    for found in _SPELLED.finditer(text) if any(spelled in digits_at for spelled in _BYTE_BY_BYTE) else ():
        digits = _BETWEEN_BYTES.sub("", found[0])
        if LEAST_HEX <= len(digits) < len(found[0]):
            yield found.start(), digits


def _from_base64(runs: Sequence[str]) -> bytes:
    return base64.b64decode("".join(run + "AAA"[: -len(run) % 4] for run in runs))


def _from_hex(runs: Sequence[str]) -> bytes:
    return bytes.fromhex("".join(run[: len(run) // 2 * 2] for run in runs))


def _read(
    decoder: Decoder, found: Iterable[Run], bytes_of: Callable[[Sequence[str]], bytes], *, shifts: int
) -> Iterator[Decoded]:
    """What can be read of the bytes, one line for each part.

    A window, or a path before it, may have cut a token anywhere: each place at which it may begin is tried.
    """
    runs = tuple(found)
    if not runs:
        return
    lines: list[str] = []
    places: list[int] = []
    starts: list[int] = []
    length = 0
    for shift in range(shifts):
        # All at once first: most tokens are ids and pictures, and nothing of them can be read.
        is_any_text = _is_text(bytes_of([run[shift:] for _, run in runs]))
        for at, run in runs if is_any_text else ():
            for line in _lines(bytes_of([run[shift:]])):
                lines.append(line)
                places.append(at)
                starts.append(length)
                length += len(line) + 1
    if lines:
        begun = tuple(zip(starts, places, strict=True))
        yield Decoded(decoder, "\n".join(lines), lambda at: [place for start, place in begun if start <= at][-1])


def _is_text(content: bytes) -> bool:
    content = content.replace(b"\0", b"")
    return _ASCII in content.translate(_READABLE) or _CHINESE in content.translate(_THREE_BYTES)


def _lines(content: bytes) -> Sequence[str]:
    # Text in UTF-16 has a nul beside each letter.
    return _TEXT.findall(content.replace(b"\0", b"").decode("utf-8", "replace")) if _is_text(content) else ()
