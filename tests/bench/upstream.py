"""A service that costs next to nothing: raw asyncio, a fixed answer to whatever it is asked on a path."""

import asyncio
import re

BODY = b'{"items":[{"id":1,"name":"first"},{"id":2,"name":"second"}],"total":2}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)

MEGABYTE = b'{"padding":"%b","name":"second"}' % (b"x" * 1_000_000)
LARGE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(MEGABYTE),
    MEGABYTE,
)
EVENT = b"data: %b second\n\n" % (b"x" * 16_000)
STREAMED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + (b"%x\r\n%b\r\n" % (len(EVENT), EVENT)) * 64
    + b"0\r\n\r\n"
)
ANSWERS = {b"/megabyte": LARGE, b"/stream": STREAMED}
"""By path; everything else gets the short one."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Service(asyncio.Protocol):
    """Answers each whole request on a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            path = self._received.split(b" ", 2)[1].partition(b"?")[0]
            del self._received[:whole]
            self._transport.write(ANSWERS.get(bytes(path), ANSWER))


async def main() -> None:
    """Serve until killed; the port goes to stdout."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
