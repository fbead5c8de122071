"""Taking every echo of a credential out of an answer, whole or as it comes."""

from collections.abc import Iterable

from stack_local.domain.secrets import Secret
from stack_local.proxy.echoes import SHORTEST, forms
from stack_local.proxy.needles import MARK, Needles, marked
from stack_local.proxy.scrub_stream import Stage, StreamScrubber
from stack_local.proxy.views import AS_WRITTEN, UNESCAPED, UNWRAPPED, is_plain

__all__ = ["MARK", "SHORTEST", "Scrubber", "StreamScrubber"]


class Scrubber:
    """Finds one connection's secrets in any bytes. An upstream that wants to hide them can (docs/threat-model.md)."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        found = {form.lower() for secret in secrets for form in forms(secret.reveal())}
        # With their escapes too: an escape may be written in another, and be undone once.
        read = {view.text(form) for form in found for view in (UNWRAPPED, UNESCAPED)}
        self._written = Needles(found)
        self._read = Needles(form for form in read if len(form) >= SHORTEST)
        # What consists of blanks is found as it is written, or not at all.
        self._blank = Needles(form for form in found if len(UNWRAPPED.text(form)) < SHORTEST)

    def clean(self, content: bytes) -> tuple[bytes, bool]:
        """The content without the secret, and whether it was there."""
        if not self._is_in(content):
            return content, False
        cleaned = marked(content, self._written.spans(content.lower()))
        # Wrapped over lines, or escaped once more: all of it goes.
        return (MARK.encode() if self._is_in(cleaned) else cleaned), True

    def _is_in(self, content: bytes) -> bool:
        return (
            self._read.are_in(UNWRAPPED.text(content))
            or (not is_plain(content) and self._read.are_in(UNESCAPED.text(content)))
            or self._blank.are_in(content.lower())
        )

    def clean_text(self, text: str) -> tuple[str, bool]:
        """The same for a header's value."""
        cleaned, was_there = self.clean(text.encode("utf-8", "surrogateescape"))
        return cleaned.decode("utf-8", "replace"), was_there

    def stream(self) -> StreamScrubber:
        """What does the same for one answer that comes in pieces."""
        stages = [Stage(self._read, UNWRAPPED), Stage(self._read, UNESCAPED)]
        return StreamScrubber([Stage(self._blank, AS_WRITTEN), *stages] if self._blank.longest else stages)
