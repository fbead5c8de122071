"""Listeners on every address of a network namespace, and the only name server in it, which lies.

    python -m tests.simulators.canaries --ports 80,443 --log FILE [--names FILE --dns ADDRESS]
    python -m tests.simulators.canaries --knock ADDRESS,PORT ...

Each connection is one JSON line `[address, port]` in the log, before it is answered by an empty 200. The names are
JSON: `{name: {"answers": [[address, …], …], "alias": name}}`; each query takes its next answers, the last repeat, and a
name that is not there does not exist. The second form connects, to show that the first sees it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TYPE_A, TYPE_CNAME, TYPE_AAAA = 1, 5, 28
ASKED_NAME = b"\xc0\x0c"
"""A pointer to the name in the question (RFC 1035, section 4.1.4)."""

KNOCK_SECONDS = 5


class Canaries:
    """Writes down who connects where."""

    def __init__(self, log: Path) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        address, port = writer.get_extra_info("sockname")[:2]
        plain = ip_address(address.partition("%")[0])
        seen = getattr(plain, "ipv4_mapped", None) or plain
        os.write(self._log, json.dumps([str(seen), port]).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await reader.read(65536)
            writer.write(ANSWER)
            await writer.drain()
        writer.close()


class LyingNames(asyncio.DatagramProtocol):
    """A name server for A and AAAA (RFC 1035)."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._asked: Counter[tuple[str, int]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, kind, question = _question(data)
        known = self._names.get(name)
        records = [] if known is None else self._records(name, kind, known)
        flags = 0x8580 | (0 if known is not None else 3)
        head = struct.pack("!HHHHHH", struct.unpack("!H", data[:2])[0], flags, 1, len(records), 0, 0)
        self._transport.sendto(head + question + b"".join(records), addr)

    def _records(self, name: str, kind: int, known: dict[str, Any]) -> list[bytes]:
        series = known["answers"]
        addresses = [ip_address(text) for text in series[min(self._asked[name, kind], len(series) - 1)]]
        self._asked[name, kind] += 1
        version = {TYPE_A: 4, TYPE_AAAA: 6}.get(kind)
        owner, first = ASKED_NAME, list[bytes]()
        if known["alias"]:
            owner = _encoded(known["alias"])
            first = [_record(ASKED_NAME, TYPE_CNAME, owner)]
        return first + [_record(owner, kind, address.packed) for address in addresses if address.version == version]


def _question(data: bytes) -> tuple[str, int, bytes]:
    labels, at = [], 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode().lower())
        at += 1 + length
    kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
    return ".".join(labels), kind, data[12 : at + 5]


def _record(owner: bytes, kind: int, content: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 0, len(content)) + content


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


async def _serve(ports: list[int], log: Path, names: dict[str, Any] | None, dns: str) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    canaries = Canaries(log)
    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        await asyncio.start_server(canaries.serve, sock=listener)
    if names is not None:
        await loop.create_datagram_endpoint(lambda: LyingNames(names), local_addr=(dns, 53))
    os.write(1, b"ready\n")
    await stopping.wait()


async def _knock(places: list[str]) -> None:
    for place in places:
        address, _, port = place.partition(",")
        async with asyncio.timeout(KNOCK_SECONDS):
            reader, writer = await asyncio.open_connection(address, int(port))
            writer.write(b"knock")
            await reader.read()
            writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", default="")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--dns", default="")
    parser.add_argument("--knock", nargs="*")
    said = parser.parse_args()
    if said.knock is not None:
        asyncio.run(_knock(said.knock))
        return
    names = None if said.names is None else json.loads(said.names.read_text())
    asyncio.run(_serve([int(port) for port in said.ports.split(",")], said.log, names, said.dns))


if __name__ == "__main__":
    main()
