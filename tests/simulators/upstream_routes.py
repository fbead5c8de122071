"""What the simulated upstream answers, path by path, and the forms and places in which it gives secrets back."""

import base64
import bz2
import codecs
import gzip
import hashlib
import html
import json
import quopri
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from tests.simulators.upstream_exchange import STREAM_PIECE_BYTES, Exchange, Received, head

if TYPE_CHECKING:
    from tests.simulators.upstream import Upstream

Route = Callable[["Upstream", Exchange], Awaitable[None]]
ROUTES: dict[str, Route] = {}

MEBIBYTE = 1 << 20
SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"


def _base64_forms() -> dict[str, Callable[[str], bytes]]:
    def form(offset: int, urlsafe: bool, padded: bool) -> Callable[[str], bytes]:
        encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode

        def reflect(text: str) -> bytes:
            encoded = encode(b"u:"[:offset] + text.encode())
            return encoded if padded else encoded.rstrip(b"=")

        return reflect

    return {
        f"base64{'url' * urlsafe}-{offset}{'-nopad' * (not padded)}": form(offset, urlsafe, padded)
        for urlsafe in (False, True)
        for offset in range(3)
        for padded in (True, False)
    }


REFLECTIONS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper": lambda text: text.encode().upper(),
    "lower": lambda text: text.encode().lower(),
    **_base64_forms(),
    "base64-mime": lambda text: base64.encodebytes(text.encode() * 3),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "hex-escape": lambda text: b"".join(b"\\x%02x" % byte for byte in text.encode()),
    "percent": lambda text: quote(text, safe="").encode(),
    "percent-path": lambda text: quote(text).encode(),
    "percent-form": lambda text: quote_plus(text).encode(),
    "percent-twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "percent-full": lambda text: b"".join(b"%%%02x" % byte for byte in text.encode()),
    "PERCENT": lambda text: b"".join(b"%%%02X" % byte for byte in text.encode()),
    "json-escape": lambda text: json.dumps(text)[1:-1].encode(),
    "json-slash": lambda text: json.dumps(text)[1:-1].replace("/", "\\/").encode(),
    "json-dotnet": lambda text: "".join(
        f"\\u{ord(char):04X}" if char in "\"&'+<>`" else char for char in text.replace("\\", "\\\\")
    ).encode(),
    "json-twice": lambda text: json.dumps(json.dumps(text))[3:-3].encode(),
    "json-unicode": lambda text: b"".join(b"\\u%04x" % ord(char) for char in text),
    "JSON-UNICODE": lambda text: b"".join(b"\\u%04X" % ord(char) for char in text),
    "html": lambda text: html.escape(text).encode(),
    "html-twice": lambda text: html.escape(html.escape(text)).encode(),
    "html-in-json": lambda text: json.dumps(html.escape(text))[1:-1].replace("&", "\\u0026").encode(),
    "html-dec": lambda text: b"".join(b"&#%d;" % ord(char) for char in text),
    "html-hex": lambda text: b"".join(b"&#x%x;" % ord(char) for char in text),
    "HTML-HEX": lambda text: b"".join(b"&#X%04X;" % ord(char) for char in text),
    "utf16le": lambda text: text.encode("utf-16-le"),
    "utf16be": lambda text: text.encode("utf-16-be"),
    "reversed": lambda text: text[::-1].encode(),
    "rot13": lambda text: codecs.encode(text, "rot13").encode(),
    "base64-twice": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "base32": lambda text: base64.b32encode(text.encode()),
    "base85": lambda text: base64.b85encode(text.encode()),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
    "quoted-printable-full": lambda text: b"".join(b"=%02X" % byte for byte in text.encode()),
    "octal-escape": lambda text: b"".join(b"\\%03o" % byte for byte in text.encode()),
    "byte-list": lambda text: str(list(text.encode()))[1:-1].encode(),
    "hex-list": lambda text: ", ".join(map(hex, text.encode())).encode(),
    "hex-colons": lambda text: text.encode().hex(":").encode(),
    "hex-blanks": lambda text: text.encode().hex(" ").encode(),
    "base64-mime-in-json": lambda text: json.dumps(base64.encodebytes(text.encode() * 3).decode())[1:-1].encode(),
    "bz2-base64": lambda text: base64.b64encode(bz2.compress(text.encode())),
    "xor": lambda text: bytes(byte ^ 1 for byte in text.encode()).hex().encode(),
    "base64-of-hex": lambda text: base64.b64encode(text.encode().hex().encode()),
    "dotted": lambda text: ".".join(text).encode(),
}
"""How a secret is given back, by the name in `enc=`; written apart from the scanner, so that each tests the other."""

LIMITS = frozenset(
    {
        "base32",
        "base64-of-hex",
        "base64-twice",
        "base85",
        "byte-list",
        "bz2-base64",
        "dotted",
        "hex-colons",
        "hex-list",
        "html-in-json",
        "octal-escape",
        "quoted-printable",
        "quoted-printable-full",
        "reversed",
        "rot13",
        "xor",
    }
)
"""Forms the scanner is documented not to find."""

HEADER_PLACES = {
    "header": ("X-Echo", "{}"),
    "etag": ("ETag", '"{}"'),
    "location": ("Location", "/landing?echo={}"),
    "cookie": ("Set-Cookie", "echo={}; Path=/"),
    "refresh": ("Refresh", "5; url=/landing?echo={}"),
    "disposition": ("Content-Disposition", 'attachment; filename="{}"'),
    "link": ("Link", "</landing?echo={}>; rel=next"),
    "www-authenticate": ("WWW-Authenticate", 'Bearer error_description="{}"'),
    "server-timing": ("Server-Timing", 'echo;desc="{}"'),
}
PLACES = ("body", *HEADER_PLACES, "reason", "trailer", "early", "traceback")

CODINGS: dict[str, Callable[[bytes], tuple[str, bytes]]] = {
    "identity": lambda data: ("identity", data),
    "gzip": lambda data: ("gzip", gzip.compress(data)),
    "deflate": lambda data: ("deflate", zlib.compress(data)),
    "raw-deflate": lambda data: ("deflate", zlib.compress(data, wbits=-15)),
    "nested": lambda data: ("gzip, gzip", gzip.compress(gzip.compress(data))),
    "multi-member": lambda data: ("gzip", gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "lying": lambda data: ("gzip", data),
    "unknown": lambda data: ("br", data),
}

RAW_ANSWERS = {
    "/close-early": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe start",
    "/cl-te": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "/dup-cl": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 55\r\n\r\n{}" + SMUGGLED,
    "/neg-cl": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "/two-responses": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "/bad-status": b"HTTP/1.1 twohundred OK\r\nContent-Length: 2\r\n\r\n{}",
    "/bad-header": b"HTTP/1.1 200 OK\r\nX Bad: 1\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "/http09": b"just a body\n",
    "/1xx-flood": b"HTTP/1.1 102 Processing\r\n\r\n" * 2000 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "/switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi",
}
"""Answers sent as they stand; the connection is closed after them."""


def route(path: str) -> Callable[[Route], Route]:
    """Register the answer to a path."""

    def register(answer: Route) -> Route:
        ROUTES[path] = answer
        return answer

    return register


@route("/things")
async def things(upstream: "Upstream", exchange: Exchange) -> None:
    if exchange.received.method != "POST":
        return await exchange.reply_json(upstream.things)
    try:
        parsed: object = json.loads(exchange.received.body)
    except ValueError:
        parsed = exchange.received.body.decode("latin-1")
    thing: dict[str, object] = {**parsed} if isinstance(parsed, dict) else {"body": parsed}
    thing["id"] = len(upstream.things) + 1
    upstream.things.append(thing)
    return await exchange.reply_json(thing, 201)


@route("/whoami")
async def whoami(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.reply_json({"sha256": _sha256(upstream, exchange)})


@route("/cache")
async def cache(upstream: "Upstream", exchange: Exchange) -> None:
    headers = (("Cache-Control", "public, max-age=3600"), ("ETag", '"one"'))
    await exchange.reply_json({"sha256": _sha256(upstream, exchange)}, headers=headers)


@route("/reflect")
async def reflect(upstream: "Upstream", exchange: Exchange) -> None:
    echo = REFLECTIONS[exchange.query.get("enc", "plain")](_source(upstream, exchange.received))
    text = echo.decode("latin-1")
    match exchange.query.get("place", "body"):
        case "body" if exchange.query.get("as") == "json":
            await exchange.reply_json({"echo": text, "after": True})
        case "body":
            await exchange.reply(200, b"before " + echo + b" after", (("Content-Type", "text/plain"),))
        case "reason":
            await exchange.reply(200, b"{}", reason=text)
        case "traceback":
            await exchange.reply(500, b"Traceback (most recent call last):\n  token = '" + echo + b"'\nKeyError")
        case "early":
            await exchange.send(head(103, (("Link", f"</{text}>; rel=preload"),)))
            await exchange.reply(200, b"{}")
        case "trailer":
            await exchange.start_chunked((("Trailer", "X-Echo"),))
            await exchange.chunk(b"{}")
            await exchange.send(b"0\r\nX-Echo: " + echo + b"\r\n\r\n")
        case place:
            name, template = HEADER_PLACES[place]
            status = {"location": 302, "www-authenticate": 401}.get(place, 200)
            await exchange.reply(status, b"{}", ((name, template.format(text)),))


@route("/reflect-everywhere")
async def reflect_everywhere(upstream: "Upstream", exchange: Exchange) -> None:
    """One answer with the form in each of PLACES; it must hold no line break."""
    echo = REFLECTIONS[exchange.query.get("enc", "plain")](_source(upstream, exchange.received))
    text = echo.decode("latin-1")
    lines = [(name, template.format(text)) for name, template in HEADER_PLACES.values()]
    framing = (("Transfer-Encoding", "chunked"), ("Trailer", "X-Trailer"))
    await exchange.send(head(103, (("Link", f"</{text}>; rel=preload"),)))
    await exchange.send(head(200, (*framing, *lines), reason=text))
    await exchange.chunk(b"Traceback (most recent call last):\n  token = '" + echo + b"'\nKeyError")
    await exchange.send(b"0\r\nX-Trailer: " + echo + b"\r\n\r\n")


@route("/split")
async def split(upstream: "Upstream", exchange: Exchange) -> None:
    """A form of the secret behind a pad, in pieces: chunks, TCP segments of one body, or server-sent events."""
    size, pad, mode = _number(exchange, "chunk", 7), _number(exchange, "pad", 0), exchange.query.get("mode", "chunk")
    echo = REFLECTIONS[exchange.query.get("enc", "plain")](_source(upstream, exchange.received))
    data = b"x" * pad + echo + b" after"
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    if mode == "tcp":
        await exchange.send(head(200, (("Content-Length", str(len(data))),)))
        for piece in pieces:
            await exchange.send(piece)
        return
    await exchange.start_chunked((("Content-Type", "text/event-stream" if mode == "sse" else "text/plain"),))
    for piece in pieces:
        await exchange.chunk(b"data: " + piece + b"\n\n" if mode == "sse" else piece)
    await exchange.chunk(b"")


@route("/gzip")
@route("/ce")
async def coded(upstream: "Upstream", exchange: Exchange) -> None:
    plain = json.dumps({"echo": _source(upstream, exchange.received)}).encode()
    coding, data = CODINGS[exchange.query.get("coding", "gzip")](plain)
    await exchange.reply(200, data, (("Content-Type", "application/json"), ("Content-Encoding", coding)))


@route("/gzip-bomb")
async def gzip_bomb(upstream: "Upstream", exchange: Exchange) -> None:
    layers = _number(exchange, "layers", 1)
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(_number(exchange, "mb", 10))) + packer.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data)
    await exchange.reply(200, data, (("Content-Encoding", ", ".join(["gzip"] * layers)),))


@route("/big")
async def big(upstream: "Upstream", exchange: Exchange) -> None:
    megabytes = _number(exchange, "mb", 10)
    await exchange.send(head(200, (("Content-Length", str(megabytes * MEBIBYTE)),)))
    for _ in range(megabytes * MEBIBYTE // STREAM_PIECE_BYTES):
        await exchange.send(b"x" * STREAM_PIECE_BYTES)


@route("/infinite")
async def infinite(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.start_chunked()
    while True:
        await exchange.chunk(b"x" * STREAM_PIECE_BYTES)


@route("/hang")
async def hang(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.wait_for_leaving()


@route("/slow")
async def slow(upstream: "Upstream", exchange: Exchange) -> None:
    """Answer when the gate opens; with `at=body` the head and one half of the body come first."""
    if exchange.query.get("at") != "body":
        await upstream.gate.wait()
        return await exchange.reply_json({"slow": True})
    await exchange.send(head(200, (("Content-Length", "14"),)) + b'{"slow"')
    await upstream.gate.wait()
    return await exchange.send(b": true}")


@route("/reset")
async def reset(upstream: "Upstream", exchange: Exchange) -> None:
    """RST after the request was read: before any answer (accept), amid the headers, or amid the body."""
    beginnings = {
        "accept": b"",
        "headers": b"HTTP/1.1 200 OK\r\nContent-Le",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe start",
    }
    await exchange.send(beginnings[exchange.query.get("phase", "accept")])
    exchange.reset()


@route("/lie")
async def lie(upstream: "Upstream", exchange: Exchange) -> None:
    """Claim `length` for a body of 8 bytes and keep the connection: the rest never comes, or is the next answer."""
    await exchange.send(head(200, (("Content-Length", exchange.query.get("length", "4")),)) + b"[1,2,3]\n")


@route("/redirect")
async def redirect(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.reply(_number(exchange, "status", 302), b"", (("Location", exchange.query.get("to", "/things")),))


@route("/cookie-set")
async def cookie_set(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.reply_json({}, headers=(("Set-Cookie", "session=upstream-cookie; Path=/; HttpOnly"),))


@route("/cookie-check")
async def cookie_check(upstream: "Upstream", exchange: Exchange) -> None:
    await exchange.reply_json({"cookie_seen": "upstream-cookie" in (exchange.received.header("cookie") or "")})


@route("/status")
async def status(upstream: "Upstream", exchange: Exchange) -> None:
    code = _number(exchange, "code", 200)
    await exchange.reply_json({"status": code}, code)


def _raw_answer(answer: bytes) -> Route:
    async def send_raw(upstream: "Upstream", exchange: Exchange) -> None:
        exchange.closing = True
        await exchange.send(answer)

    return send_raw


ROUTES.update({path: _raw_answer(answer) for path, answer in RAW_ANSWERS.items()})


def _source(upstream: "Upstream", received: Received) -> str:
    """The text `src=` asks for, as it was received."""
    credential = upstream.credential_of(received)
    name = received.query.get("name", "")
    match received.query.get("src", "token"):
        case "token":
            return credential
        case "password":
            return credential.partition(":")[2]
        case "query":
            return received.query.get(name, "")
        case "header":
            return _utf8(received.header(name))
        case "authorization" | "cookie" as header:
            return _utf8(received.header(header))
        case source:
            raise ValueError(f"unknown source {source!r}")


def _utf8(value: str | None) -> str:
    return (value or "").encode("latin-1").decode(errors="replace")


def _sha256(upstream: "Upstream", exchange: Exchange) -> str:
    return hashlib.sha256(upstream.credential_of(exchange.received).encode()).hexdigest()


def _number(exchange: Exchange, name: str, default: int) -> int:
    return int(exchange.query.get(name, default))
