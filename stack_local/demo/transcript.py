"""Everything the agent read, said and was answered; and the search for a secret in it, or in files."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from stack_local.domain.secrets import Secret


class Transcript:
    """What went into and came out of the agent, in order; what is repeated is kept once."""

    def __init__(self) -> None:
        self._entries: dict[str, None] = {}

    def note(self, kind: str, content: object) -> None:
        """Keep one entry; what is no JSON is kept as Python prints it."""
        self._entries[json.dumps({kind: content}, ensure_ascii=False, default=repr)] = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def text(self) -> str:
        """All of it, an entry a line."""
        return "\n".join(self._entries)


def forms_found(secret: Secret, content: bytes) -> list[str]:
    """The names of the forms of the secret that stand in the content: plain, base64, hex or percent."""
    # Kept apart from `proxy/scrub.py`, which removes such forms: a check that shares its list shares its gaps.
    return sorted({name for name, form in _forms(secret.reveal().encode()) if form in content})


def files_with(secret: Secret, directory: Path) -> list[str]:
    """The files below a directory in which the secret stands, in any of these forms."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and forms_found(secret, path.read_bytes()):
            found.append(str(path.relative_to(directory)))
    return found


def _forms(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "plain", raw
    yield "hex", raw.hex().encode()
    yield "hex", raw.hex().upper().encode()
    escaped = quote(raw, safe="")
    yield "percent", escaped.encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "percent", "".join(f"%{byte:02X}" for byte in raw).encode()
    for offset in range(3):
        core = _base64_core(raw, offset)
        yield "base64", core
        yield "base64", core.translate(bytes.maketrans(b"+/", b"-_"))


def _base64_core(raw: bytes, offset: int) -> bytes:
    """The characters of base64 that depend on the secret alone, where it begins `offset` bytes into a group."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    first = (0, 2, 3)[offset]
    last = len(encoded) - (0, 3, 2)[(len(raw) + offset) % 3]
    return encoded[first:last]
