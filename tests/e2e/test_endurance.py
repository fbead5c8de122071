"""A hundred thousand calls, and a gigabyte in each direction: the process does not grow with what passes through it."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bench import load, world
from tests.bench.processes import Server, module, resident_mebibytes

CALLS = 100_000
CALLERS = 16
ROUND_SECONDS = 15.0
WARM_CALLS = 20_000
"""Until then caches fill."""

PIECE = b"data: " + b"x" * 99_992 + b"\n\n"
PIECES = 10_000
"""A gigabyte."""

ALLOWED_MEBIBYTES = 30
"""More than it was is growth."""

pytestmark = pytest.mark.soak


class Loaded(NamedTuple):
    """A served process, and the keys of its agents."""

    server: Server
    keys: world.Keys


@contextlib.contextmanager
def loaded(folder: Path, upstream_port: int) -> Iterator[Loaded]:
    with world.served(world.make_home(folder)) as appliance:
        yield Loaded(appliance.server, world.populate(appliance.admin_socket, upstream_port))


@pytest.mark.parametrize(("wire", "method"), [("base", "GET"), ("rest", "POST")], ids=["reads below /p/", "writes"])
def test_a_hundred_thousand_calls_leave_the_memory_as_it_was(wire: str, method: str, tmp_path: Path) -> None:
    with module("upstream") as upstream, loaded(tmp_path, upstream.port) as (server, keys):
        bearers = keys.reading if method == "GET" else keys.writing
        job = load.Job(wire, method, server.pid, server.port, upstream.port, CALLERS, ROUND_SECONDS, bearers)
        made, warm = 0, None
        while made < CALLS:
            made += asyncio.run(load.run(job)).calls
            if warm is None and made >= WARM_CALLS:
                warm = resident_mebibytes(server.pid)
        assert warm is not None
        assert resident_mebibytes(server.pid) - warm < ALLOWED_MEBIBYTES


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_gigabyte_passes_in_little_memory(direction: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service, ThreadPoolExecutor(1) as pool:
        serve, call = (answer_long, read_long) if direction == "down" else (read_upload, upload)
        with loaded(tmp_path, service.getsockname()[1]) as (server, keys):
            served, before = pool.submit(serve, service), resident_mebibytes(server.pid)
            with socket.create_connection(("127.0.0.1", server.port)) as caller:
                most = call(caller, server, keys.writing[0])
            assert served.result() >= len(PIECE) * PIECES
            assert most - before < ALLOWED_MEBIBYTES


def answer_long(service: socket.socket) -> int:
    """A service that answers with a gigabyte of events; how much it sent."""
    connection, _ = service.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(PIECES):
            connection.sendall(PIECE)
    return len(PIECE) * PIECES


def read_long(caller: socket.socket, server: Server, bearer: str) -> float:
    """Read such an answer to its end; the most memory that the process had meanwhile."""
    caller.sendall(_head(server, bearer, "GET") + b"\r\n")
    most, received = 0.0, b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        data = caller.recv(1_000_000)
        assert data, "the answer ended in its middle"
        received = (received + data)[-7:]
        most = max(most, resident_mebibytes(server.pid))
    return most


def read_upload(service: socket.socket) -> int:
    """A service that takes a gigabyte; how much came."""
    connection, _ = service.accept()
    received = 0
    with connection:
        while received < len(PIECE) * PIECES:
            received += len(connection.recv(1_000_000))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return received


def upload(caller: socket.socket, server: Server, bearer: str) -> float:
    """Send such a body; the most memory that the process had meanwhile."""
    caller.sendall(_head(server, bearer, "PUT") + b"Content-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
    most = 0.0
    for _ in range(PIECES):
        caller.sendall(PIECE)
        most = max(most, resident_mebibytes(server.pid))
    assert caller.recv(65_536).startswith(b"HTTP/1.1 200")
    return most


def _head(server: Server, bearer: str, method: str) -> bytes:
    named = f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {bearer}\r\n"
    return f"{method} /p/custom_bench/x HTTP/1.1\r\n{named}".encode()
