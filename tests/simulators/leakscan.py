"""A search for one secret, in every encoding we answer for, over bytes, directories and processes.

Documented limits, not found: reversed, rot13, hashes, compression, encryption, base32/85, quoted-printable, octal,
lists of byte numbers, two layers but of the same escape, a secret cut into pieces.
"""

import base64
import html
import html.entities
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

SHORTEST_SECRET_BYTES = 6
"""Below this a hit would be chance; asking for less is refused rather than answered wrongly."""
MEMORY_WINDOW_BYTES = 4 << 20
WHITESPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class ProcessScan:
    """What was found in a process as (place, encoding), and which places could be read at all."""

    found: tuple[tuple[str, str], ...]
    readable: tuple[str, ...]
    unreadable: tuple[str, ...]


def encodings(secret: str | bytes) -> dict[str, bytes]:
    """Every fixed form of the secret, by name; forms equal to an earlier one are left out.

    Raises:
        ValueError: the secret is too short to be searched for.
    """
    raw, text = _raw(secret), _text(secret)
    if len(raw) < SHORTEST_SECRET_BYTES:
        raise ValueError("secret too short to scan for")
    minimal = quote_from_bytes(raw, safe="").encode()
    full = "".join(f"%{byte:02x}" for byte in raw).encode()
    units = [text.encode("utf-16-be")[at : at + 2].hex() for at in range(0, len(text.encode("utf-16-be")), 2)]
    forms = {
        "plain": raw,
        "upper": raw.upper(),
        "lower": raw.lower(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "percent": minimal,
        "percent-lower": _lower_escapes(minimal),
        "percent-full": full,
        "PERCENT-FULL": full.upper(),
        "json-unicode": "".join(f"\\u{unit}" for unit in units).encode(),
        "JSON-UNICODE": "".join(f"\\u{unit.upper()}" for unit in units).encode(),
        "html": html.escape(text).encode(),
        "html-dec": "".join(f"&#{ord(char)};" for char in text).encode(),
        "html-hex": "".join(f"&#x{ord(char):x};" for char in text).encode(),
        "HTML-HEX": "".join(f"&#x{ord(char):X};" for char in text).encode(),
        "utf16le": text.encode("utf-16-le"),
        "utf16be": text.encode("utf-16-be"),
    }
    for offset in range(3):
        forms[f"base64-{offset}"] = _base64_core(raw, offset)
        forms[f"base64url-{offset}"] = _base64_core(raw, offset).translate(bytes.maketrans(b"+/", b"-_"))
    return _without_repeats(forms)


def scan_bytes(secret: str | bytes, data: bytes) -> list[str]:
    """The names of the encodings of the secret found in the data; a suffix names the layer taken off first."""
    forms, escaped = _search(secret)
    found = [name for name, form in forms.items() if form in data]
    for layer, view in _views(data):
        found += [f"{name} {layer}" for name, form in forms.items() if name not in found and form in view]
    # The slow search, for mixtures: it says nothing new where a fixed form was seen.
    return found or (["escaped"] if escaped.search(data) else [])


def scan_tree(secret: str | bytes, directory: Path) -> list[tuple[Path, str]]:
    """Every (path, encoding) in file contents, link targets and names below the directory; links are not followed.

    A file that vanishes during the walk is passed over.

    Raises:
        OSError: a directory or a file could not be read, so the answer would be a guess.
    """
    found: list[tuple[Path, str]] = []
    for folder, folders, files in os.walk(directory, onerror=_raise):
        for name in sorted(folders + files):
            path = Path(folder, name)
            found += [(path, f"name: {encoding}") for encoding in scan_bytes(secret, os.fsencode(name))]
            found += [(path, encoding) for encoding in scan_bytes(secret, _content(path))]
    return found


def scan_process(secret: str | bytes, pid: int, *, memory: bool = True) -> ProcessScan:
    """Look into /proc/PID/cmdline and environ, and mem where permitted (fixed forms only there)."""
    found: list[tuple[str, str]] = []
    readable: list[str] = []
    unreadable: list[str] = []
    for place in ("cmdline", "environ"):
        try:
            data = Path(f"/proc/{pid}/{place}").read_bytes()
        except OSError:
            unreadable.append(place)
            continue
        readable.append(place)
        found += [(place, encoding) for encoding in scan_bytes(secret, data)]
    if memory:
        _scan_memory(secret, pid, found, readable, unreadable)
    return ProcessScan(tuple(found), tuple(readable), tuple(unreadable))


def _scan_memory(
    secret: str | bytes, pid: int, found: list[tuple[str, str]], readable: list[str], unreadable: list[str]
) -> None:
    forms, _ = _search(secret)
    overlap = max(map(len, forms.values())) - 1
    names: set[str] = set()
    try:
        regions = list(_regions(pid))
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        unreadable.append("mem")
        return
    regions_read = 0
    try:
        for start, end, label in regions:
            try:
                for window in _windows(memory, start, end, overlap):
                    names.update(name for name, form in forms.items() if form in window)
                regions_read += 1
            except OSError:
                unreadable.append(f"mem {label}")
    finally:
        os.close(memory)
    (readable if regions_read else unreadable).append("mem")
    found += [("mem", name) for name in forms if name in names]


def _regions(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        addresses, permissions, *rest = line.split(maxsplit=5)
        # The kernel's own pages: no process can put anything there, and reading them fails.
        if permissions[0] != "r" or (len(rest) == 4 and rest[3].startswith(("[vvar", "[vsyscall"))):
            continue
        start, end = addresses.split("-")
        yield int(start, 16), int(end, 16), addresses


def _windows(memory: int, start: int, end: int, overlap: int) -> Iterator[bytes]:
    tail = b""
    while start < end:
        window = os.pread(memory, min(MEMORY_WINDOW_BYTES, end - start), start)
        if not window:
            return
        yield tail + window
        tail = (tail + window)[-overlap:]
        start += len(window)


@lru_cache(maxsize=64)
def _search(secret: str | bytes) -> tuple[dict[str, bytes], re.Pattern[bytes]]:
    return encodings(secret), re.compile(b"".join(map(_any_escape, _text(secret))))


def _any_escape(char: str) -> bytes:
    """One character, bare or in any escape, so that a mixture of escapes and of cases is still seen.

    Each repetition is bounded: without, a megabyte of backslashes would take hours.
    """
    percent = b"".join(b"%%(?:25){0,4}(?i:%02x)" % byte for byte in char.encode())
    units = char.encode("utf-16-be").hex()
    forms = [
        rb"\\{0,8}" + re.escape(char.encode()),
        percent,
        b"".join(rb"\\{1,8}u(?i:%s)" % units[at : at + 4].encode() for at in range(0, len(units), 4)),
        b"".join(rb"\\{1,8}x(?i:%02x)" % byte for byte in char.encode()),
        rb"(?:&amp;|&)#0{0,6}%d;?" % ord(char),
        rb"(?:&amp;|&)#[xX]0{0,6}(?i:%x);?" % ord(char),
    ]
    forms += [b"(?:&amp;|&)" + name + b";" for name in _entity_names(char)]
    if char == " ":
        forms.append(rb"\+")
    if char == "\\":
        forms.append(rb"\\{1,16}")
    return b"(?:" + b"|".join(forms) + b")"


def _entity_names(char: str) -> list[bytes]:
    # html.entities lists both `amp` and `amp;`: the set folds them.
    return sorted({name.rstrip(";").encode() for name, text in html.entities.html5.items() if text == char})


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    if any(space in data for space in WHITESPACE):
        yield "unwrapped", data.translate(None, WHITESPACE)
    if b"\\" in data:
        yield "unescaped", re.sub(rb"\\+[nrt]|[\\\s]+", b"", data)
    if b"%" in data:
        yield "unquoted", unquote_to_bytes(data)


def _content(path: Path) -> bytes:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return os.fsencode(path.readlink())
        return path.read_bytes() if stat.S_ISREG(mode) else b""
    except FileNotFoundError:
        return b""


def _base64_core(raw: bytes, offset: int) -> bytes:
    """The characters that depend on the secret alone, whatever stands before and after it."""
    encoded = base64.b64encode(bytes(offset) + raw)
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def _lower_escapes(quoted: bytes) -> bytes:
    return re.sub(rb"%..", lambda match: match.group().lower(), quoted)


def _without_repeats(forms: dict[str, bytes]) -> dict[str, bytes]:
    first_names: dict[bytes, str] = {}
    for name, form in forms.items():
        first_names.setdefault(form, name)
    return {name: form for form, name in first_names.items()}


def _raw(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret


def _text(secret: str | bytes) -> str:
    return secret if isinstance(secret, str) else secret.decode("latin-1")


def _raise(error: OSError) -> None:
    raise error
