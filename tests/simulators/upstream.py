"""A service on loopback that misbehaves on demand, reflects its credential, and keeps count of what it got.

Raw asyncio on purpose: half of its answers are ones no HTTP library would agree to send. It accepts nearly anything a
client sends, and writes down as an anomaly what a correct client would not have sent. As a process:

    python -m tests.simulators.upstream --token-file F --port 0 --ready-file R --log-file L

The ready file is JSON, {"port", "pid"}; the same line is printed, for those who would rather read than poll. SIGUSR1
opens the gate of /slow; SIGTERM and SIGINT end the process.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote_plus

from tests.simulators.leakscan import SHORTEST_SECRET_BYTES, encodings, scan_bytes
from tests.simulators.upstream_exchange import Exchange, Received, anomalies_of, read_body, reset
from tests.simulators.upstream_routes import ROUTES

__all__ = ["Received", "Sighting", "Upstream"]

MAX_HEAD_BYTES = 1 << 20
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class Sighting:
    """The credential, in some encoding, where it does not belong."""

    request: int
    """Index into `Upstream.requests`."""
    place: str
    encodings: tuple[str, ...]


class Upstream:
    """The server; `token` may be changed while it runs, as a rotation would.

    `expects`: bearer | basic (token is `user:password`) | header:NAME | query:NAME | cookie:NAME | nothing. With
    `nothing` it is "somebody else": every request is served, and any sight of the token lands in `canary`.
    """

    def __init__(self, *, token: str, expects: str = "bearer", port: int = 0, log: Path | None = None) -> None:
        style, _, name = expects.partition(":")
        if style not in ("bearer", "basic", "header", "query", "cookie", "nothing") or (
            (style in ("header", "query", "cookie")) != bool(name)
        ):
            raise ValueError(f"unknown credential style {expects!r}")
        encodings(token)  # refuses a token the canary could not see
        self.token = token
        self.requests: list[Received] = []
        self.canary: list[Sighting] = []
        self.anomalies: list[str] = []
        self.things: list[dict[str, object]] = []
        self.effects = 0
        """Authenticated writes on a known route, counted when fully received: even if the answer is then lost."""
        self.connections = 0
        self.resets_to_come = 0
        """So many of the next connections are reset on accept, unread."""
        self.gate = asyncio.Event()
        self.port = port
        self._style, self._name = style, name
        self._log = log
        self._tasks: set[asyncio.Task[object]] = set()
        self._arrival = asyncio.Condition()

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host_port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for_requests(self, count: int) -> None:
        """Return once so many requests have arrived in all; the caller bounds the wait."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    def credential_of(self, received: Received) -> str:
        """The credential as received, or nothing."""
        return self.token if received.authorized and self._style != "nothing" else ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve_requests(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or we are closing: this is the end of the task either way
        except (ValueError, LookupError, asyncio.LimitOverrunError) as error:
            self.anomalies.append(f"unreadable or unanswerable request: {type(error).__name__}")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets_to_come:
            self.resets_to_come -= 1
            return reset(writer)
        while True:
            exchange = Exchange(await self._accept(await self._read(reader)), reader, writer)
            await self._answer(exchange)
            if exchange.closing:
                return None

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")[:-4].split("\r\n")
        method, _, rest = start.partition(" ")
        target, _, version = rest.rpartition(" ")
        pairs = [line.partition(":") for line in lines]
        received = Received(method, target, tuple((name, value.strip(" \t")) for name, _, value in pairs), b"")
        self.anomalies += anomalies_of(received, version, lines)
        return replace(received, body=await read_body(reader, received))

    async def _accept(self, received: Received) -> Received:
        rest = self._without_credential(received)
        received = replace(received, authorized=rest is not None)
        self._look_for_strays(rest or received)
        self.requests.append(received)
        if received.authorized and received.path in ROUTES and received.method not in SAFE_METHODS:
            self.effects += 1
        self._write_log(rest or received, authorized=received.authorized)
        async with self._arrival:
            self._arrival.notify_all()
        return received

    async def _answer(self, exchange: Exchange) -> None:
        if not exchange.received.authorized:
            return await exchange.reply_json(
                {"error": "unauthorized"}, 401, (("WWW-Authenticate", 'Bearer realm="simulator"'),)
            )
        answer = ROUTES.get(exchange.received.path)
        if answer is None:
            return await exchange.reply_json({"error": "not found"}, 404)
        return await answer(self, exchange)

    def _without_credential(self, received: Received) -> Received | None:
        """The request less its rightful credential, taken out once; None if it was not there."""
        if self._style == "nothing":
            return received
        if self._style == "query":
            path, _, query = received.target.partition("?")
            pairs = query.split("&")
            for at, (name, _, value) in enumerate(pair.partition("=") for pair in pairs):
                if (unquote_plus(name), unquote_plus(value)) == (self._name, self.token):
                    return replace(received, target=f"{path}?{'&'.join(pairs[:at] + pairs[at + 1 :])}")
            return None
        wanted_name, wanted_value = self._credential_header()
        for at, (name, value) in enumerate(received.headers):
            if name.lower() == wanted_name and value == wanted_value:
                return replace(received, headers=received.headers[:at] + received.headers[at + 1 :])
        return None

    def _credential_header(self) -> tuple[str, str]:
        token = self.token.encode().decode("latin-1")
        match self._style:
            case "basic":
                return "authorization", f"Basic {base64.b64encode(self.token.encode()).decode()}"
            case "header":
                return self._name.lower(), token
            case "cookie":
                return "cookie", f"{self._name}={token}"
            case _:
                return "authorization", f"Bearer {token}"

    def _look_for_strays(self, rest: Received) -> None:
        places = [("target", rest.target.encode("latin-1")), ("body", rest.body)]
        places += [(f"header {name}", f"{name}: {value}".encode("latin-1")) for name, value in rest.headers]
        for place, data in places:
            found = {name: None for secret in self._watched() for name in scan_bytes(secret, data)}
            if found:
                self.canary.append(Sighting(len(self.requests), place, tuple(found)))

    def _watched(self) -> tuple[str, ...]:
        password = self.token.partition(":")[2]
        long_enough = len(password.encode()) >= SHORTEST_SECRET_BYTES
        return (self.token, password) if self._style == "basic" and long_enough else (self.token,)

    def _write_log(self, rest: Received, *, authorized: bool) -> None:
        """One line, on disk before the answer; the rightful credential is left out of it."""
        if self._log is None:
            return
        entry = {
            "n": len(self.requests),
            "method": rest.method,
            "target": rest.target,
            "headers": rest.headers,
            "body_base64": base64.b64encode(rest.body).decode(),
            "authorized": authorized,
            "effects": self.effects,
            "canary": len(self.canary),
        }
        with self._log.open("a") as log:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            os.fsync(log.fileno())


async def serve(*, token: str, expects: str, port: int, ready_file: Path, log_file: Path | None) -> None:
    """Serve until told to stop; the ready file appears, whole, once connections are accepted."""
    stopped = asyncio.Event()
    async with Upstream(token=token, expects=expects, port=port, log=log_file) as upstream:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        loop.add_signal_handler(signal.SIGUSR1, upstream.gate.set)
        ready = json.dumps({"port": upstream.port, "pid": os.getpid()})
        _write_whole(ready_file, ready)
        print(ready, flush=True)
        await stopped.wait()


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    draft.replace(path)


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--expects", default="bearer")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--log-file", type=Path)
    options = parser.parse_args()
    token = options.token_file.read_text().rstrip("\r\n")
    asyncio.run(
        serve(
            token=token,
            expects=options.expects,
            port=options.port,
            ready_file=options.ready_file,
            log_file=options.log_file,
        )
    )


if __name__ == "__main__":
    main()
