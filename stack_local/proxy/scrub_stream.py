"""Interim: the last bytes of an answer are held back, so that no form is cut in two."""

from collections.abc import Callable


class StreamScrubber:
    """Cleans an answer that comes in pieces."""

    def __init__(self, clean: Callable[[bytes], tuple[bytes, bool]], longest: int) -> None:
        self._clean = clean
        self._longest = longest
        self._held = b""
        self.redacted = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; what may be passed on now."""
        cleaned, was_there = self._clean(self._held + piece)
        self.redacted = self.redacted or was_there
        cut = 0 if cleaned.endswith(b"\n\n") else self._longest
        passed, self._held = (cleaned[:-cut], cleaned[-cut:]) if cut else (cleaned, b"")
        return passed

    def end(self) -> bytes:
        """The rest."""
        held, self._held = self._held, b""
        return held
