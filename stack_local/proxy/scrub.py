"""Taking every echo of a credential out of an answer, whole or as it comes."""

from collections.abc import Iterable

from stack_local.domain.secrets import Secret
from stack_local.proxy.echoes import SHORTEST, forms
from stack_local.proxy.needles import MARK, Needles, marked
from stack_local.proxy.scrub_stream import StreamScrubber
from stack_local.proxy.unwrap import bare, is_plain, unwrapped

__all__ = ["MARK", "SHORTEST", "Scrubber", "StreamScrubber"]


class Scrubber:
    """Finds one connection's secrets in any bytes. An upstream that wants to hide them can (docs/threat-model.md)."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        found = {form.lower() for secret in secrets for form in forms(secret.reveal())}
        # Bare too: a line may break within an escape, and an escape may be written in another.
        read = {unwrapped(form) for form in found} | {bare(form) for form in found}
        self._written = Needles(found)
        self._read = Needles(form for form in read if len(form) >= SHORTEST)
        # What unwraps to next to nothing is found as it is written, or not at all.
        self._is_read_enough = all(len(form) >= SHORTEST for form in read)

    def clean(self, content: bytes) -> tuple[bytes, bool]:
        """The content without the secret, and whether it was there."""
        if self._is_read_enough and is_plain(content) and not self._read.are_in(bare(content)):
            return content, False
        spans = self._written.spans(content.lower())
        cleaned = marked(content, spans) if spans else content
        if self._read.are_in(unwrapped(cleaned)):
            # Wrapped over lines, or escaped once more: all of it goes.
            return MARK.encode(), True
        return cleaned, bool(spans)

    def clean_text(self, text: str) -> tuple[str, bool]:
        """The same for a header's value."""
        cleaned, was_there = self.clean(text.encode("utf-8", "surrogateescape"))
        return cleaned.decode("utf-8", "replace"), was_there

    def stream(self) -> StreamScrubber:
        """What does the same for one answer that comes in pieces."""
        return StreamScrubber(self._written, self._read, is_read_enough=self._is_read_enough)
