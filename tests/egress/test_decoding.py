"""One content coding, taken off under limits."""

import gzip
import zlib

import pytest

from stack_local.egress.decoding import Decoder, decode_body, find_coding
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits

PLAIN = b'{"hello": "world"}' * 50
GZIP = gzip.compress(PLAIN)
RAW_DEFLATE = zlib.compress(PLAIN)[2:-4]
LIMITS = Limits(response_body_bytes=1_000_000)
SMALL = Limits(response_body_bytes=len(PLAIN) - 1)
BOMB = gzip.compress(bytes(900_000))

DECODED = [
    ("plain", PLAIN, [], PLAIN),
    ("identity", PLAIN, ["identity"], PLAIN),
    ("empty coding", PLAIN, [""], PLAIN),
    ("gzip", GZIP, ["gzip"], PLAIN),
    ("upper case", GZIP, ["GZip "], PLAIN),
    ("x-gzip", GZIP, ["x-gzip"], PLAIN),
    ("with identity", GZIP, ["identity, gzip"], PLAIN),
    ("deflate", zlib.compress(PLAIN), ["deflate"], PLAIN),
    ("empty body", b"", ["gzip"], b""),
    ("coded empty body", gzip.compress(b""), ["gzip"], b""),
    ("inflated little", gzip.compress(bytes(64 * 1024)), ["gzip"], bytes(64 * 1024)),
]


@pytest.mark.parametrize(("body", "codings", "plain"), [row[1:] for row in DECODED], ids=[row[0] for row in DECODED])
def test_a_body_is_decoded(body: bytes, codings: list[str], plain: bytes) -> None:
    assert decode_body(body, codings, LIMITS) == plain


REFUSED = [
    ("unknown", PLAIN, ["br"], LIMITS, "response_coding"),
    ("zstd", PLAIN, ["zstd"], LIMITS, "response_coding"),
    ("nested", gzip.compress(GZIP), ["gzip, gzip"], LIMITS, "response_coding"),
    ("nested in two lines", gzip.compress(GZIP), ["gzip", "gzip"], LIMITS, "response_coding"),
    ("gzip and unknown", GZIP, ["gzip, br"], LIMITS, "response_coding"),
    ("not gzip", PLAIN, ["gzip"], LIMITS, "response_coding"),
    ("deflate for gzip", zlib.compress(PLAIN), ["gzip"], LIMITS, "response_coding"),
    ("raw deflate", RAW_DEFLATE, ["deflate"], LIMITS, "response_coding"),
    ("cut short", GZIP[:-9], ["gzip"], LIMITS, "response_coding"),
    ("without checksum", GZIP[:-8], ["gzip"], LIMITS, "response_coding"),
    ("bad checksum", GZIP[:-8] + bytes(8), ["gzip"], LIMITS, "response_coding"),
    ("two members", GZIP + GZIP, ["gzip"], LIMITS, "response_coding"),
    ("trailing noise", GZIP + b"x", ["gzip"], LIMITS, "response_coding"),
    ("plain too large", PLAIN, [], SMALL, "response_too_large"),
    ("inflated too large", GZIP, ["gzip"], SMALL, "response_too_large"),
    ("bomb", BOMB, ["gzip"], LIMITS, "response_too_large"),
    ("bomb over the limit", gzip.compress(bytes(20_000_000)), ["gzip"], Limits(), "response_too_large"),
]


@pytest.mark.parametrize(
    ("body", "codings", "limits", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_doubtful_body_is_refused(body: bytes, codings: list[str], limits: Limits, code: str) -> None:
    with pytest.raises(EgressFailed) as failed:
        decode_body(body, codings, limits)
    assert (failed.value.code, failed.value.sent) == (code, True)


@pytest.mark.parametrize("coded", [GZIP, PLAIN], ids=["gzip", "plain"])
def test_a_body_in_single_bytes_is_decoded(coded: bytes) -> None:
    decoder = Decoder("gzip" if coded is GZIP else None, LIMITS)
    for value in coded:
        decoder.feed(bytes([value]))
    assert decoder.finish() == PLAIN


def test_a_body_that_fills_every_step_is_decoded_whole() -> None:
    plain = bytes(range(256)) * 40
    limits = Limits(inflate_free_bytes=64, inflate_ratio=10_000)
    assert decode_body(gzip.compress(plain), ["gzip"], limits) == plain


def test_a_piece_after_the_end_is_refused() -> None:
    decoder = Decoder("gzip", LIMITS)
    decoder.feed(GZIP)
    with pytest.raises(EgressFailed):
        decoder.feed(b"\0")


def test_the_coding_is_named_once() -> None:
    assert find_coding(["", "GZIP"]) == "gzip"
    assert find_coding([]) is None
