"""The content coding of a response, taken off under limits: one coding, one member, nothing after it."""

import zlib
from collections.abc import Iterable

from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""The codings we take off, with zlib's name for their format. Raw deflate without the zlib frame is refused."""


class Decoder:
    """Takes a coded body in pieces and holds the decoded one."""

    __slots__ = ("_coded_bytes", "_decoded", "_inflater", "_limits", "_taken_bytes")

    def __init__(self, coding: str | None, limits: Limits) -> None:
        self._inflater = None if coding is None else zlib.decompressobj(WINDOW_BITS[coding])
        self._limits = limits
        self._coded_bytes = 0
        self._decoded = bytearray()
        self._taken_bytes = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            EgressFailed: `response_too_large` or `response_coding`.
        """
        self._coded_bytes += len(piece)
        if self._inflater is None:
            self._decoded += piece
            self._check_size()
            return
        rest: bytes | None = piece or None
        while rest is not None:
            rest = self._inflate(self._inflater, rest)

    @property
    def is_coded(self) -> bool:
        """Whether there is a coding to take off."""
        return self._inflater is not None

    def take(self) -> bytes:
        """What was decoded since the last time: a body that is passed on is not held."""
        piece = bytes(self._decoded)
        self._taken_bytes += len(piece)
        self._decoded.clear()
        return piece

    @property
    def _decoded_bytes(self) -> int:
        return self._taken_bytes + len(self._decoded)

    def finish(self) -> bytes:
        """The decoded body, or what of it was not taken; an empty one stands for itself under any coding.

        Raises:
            EgressFailed: `response_coding`, the coded data is cut short.
        """
        if self._inflater is not None and self._coded_bytes and not self._inflater.eof:
            raise _coding_error("the coded body is cut short")
        return bytes(self._decoded)

    def _inflate(self, inflater: "zlib._Decompress", piece: bytes) -> bytes | None:
        """Decode one bounded step; returns what is left to decode, None when zlib has nothing more to give."""
        room = min(self._limits.response_body_bytes - self._decoded_bytes + 1, self._limits.inflate_free_bytes)
        try:
            made = inflater.decompress(piece, room)
        except zlib.error:
            raise _coding_error("the body is not in the coding it claims") from None
        self._decoded += made
        self._check_size()
        self._check_ratio(len(inflater.unconsumed_tail))
        if inflater.unused_data:
            raise _coding_error("the coded body goes on after its end")
        # A full step may leave output inside zlib although all input is taken.
        is_pending = len(made) == room and not inflater.eof
        return inflater.unconsumed_tail if inflater.unconsumed_tail or is_pending else None

    def _check_size(self) -> None:
        if self._decoded_bytes > self._limits.response_body_bytes:
            raise _too_large("the response body is too large")

    def _check_ratio(self, waiting_bytes: int) -> None:
        decoded_bytes = self._decoded_bytes
        if decoded_bytes <= self._limits.inflate_free_bytes:
            return
        if decoded_bytes > self._limits.inflate_ratio * (self._coded_bytes - waiting_bytes):
            raise _too_large("the response body inflates too much")


def find_coding(content_encodings: Iterable[str]) -> str | None:
    """The one coding that the Content-Encoding lines name, or None for a plain body.

    Raises:
        EgressFailed: `response_coding`, it is unknown or there are two.
    """
    codings = [coding.strip().lower() for line in content_encodings for coding in line.split(",")]
    named = [coding for coding in codings if coding not in {"", "identity"}]
    if not named:
        return None
    if len(named) > 1 or named[0] not in WINDOW_BITS:
        raise _coding_error("the response has a content coding we do not take")
    return named[0]


def decode_body(body: bytes, content_encodings: Iterable[str], limits: Limits) -> bytes:
    """A whole body at once.

    Raises:
        EgressFailed: as `Decoder`.
    """
    decoder = Decoder(find_coding(content_encodings), limits)
    decoder.feed(body)
    return decoder.finish()


def _coding_error(message: str) -> EgressFailed:
    return EgressFailed(message, code="response_coding", sent=True)


def _too_large(message: str) -> EgressFailed:
    return EgressFailed(message, code="response_too_large", sent=True)
