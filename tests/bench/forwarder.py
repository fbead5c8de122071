"""What one would write in an hour: Quart under Hypercorn, a stock httpx client, a bearer added, no check at all."""

import asyncio
import json
import socket
from typing import Any, cast

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request

app = Quart("forwarder")
TOKEN = "upstream-secret-9f8e7d6c5b4a"


@app.before_serving
async def open_client() -> None:
    """One client for all calls, without the pool's ceiling in the way."""
    app.config["CLIENT"] = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=256))


@app.post("/v1/proxy")
async def forward() -> Response:
    """The call of our own shape, forwarded."""
    asked = json.loads(await request.get_data())
    client: httpx.AsyncClient = app.config["CLIENT"]
    answered = await client.request(
        asked.get("method", "GET"),
        asked["url"],
        json=asked.get("body"),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    answer = {"status": answered.status_code, "headers": dict(answered.headers), "body": answered.json()}
    return Response(json.dumps(answer), content_type="application/json")


def listening() -> tuple[socket.socket, Config]:
    """A socket on a free port, and a Hypercorn configuration for it, as the appliance has it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = config.accesslog = None
    config.keep_alive_timeout = 75
    print(listener.getsockname()[1], flush=True)
    return listener, config


async def main() -> None:
    """Serve until killed; the port goes to stdout."""
    listener, config = listening()
    with listener:
        await serve(cast(Any, app), config)


if __name__ == "__main__":
    asyncio.run(main())
