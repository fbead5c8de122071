"""Where a service sends the browser back to after a log-in: a page that says whether it worked, and nothing else."""

from pydantic import SecretStr
from quart import Quart, Response, request

from stack_local.dispatch import Caller, Dispatcher
from stack_local.domain.actors import NOBODY
from stack_local.domain.errors import StackError
from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.surfaces.consent_page import message_page
from stack_local.surfaces.errors import status_of
from stack_local.wire.connecting import FinishConnection


class Callback:
    """Hands the redirect over. The browser has no bearer: what it carries, its state, proves where it comes from."""

    def __init__(self, dispatcher: Dispatcher, *, base_url: str) -> None:
        self._dispatcher = dispatcher
        self._base_url = base_url

    async def __call__(self) -> Response:
        if request.method != "GET":
            # A HEAD would spend the code, and nobody would see what came of it.
            return await message_page(405, "No such page", "A log-in comes back by GET")
        query = request.query_string.decode("ascii", "replace")
        asked = FinishConnection(callback_url=SecretStr(f"{self._base_url}{CALLBACK_PATH}?{query}"))
        try:
            # The person's side: no agent has this operation, and none is asked for its bearer here.
            done = await self._dispatcher.call(Caller(NOBODY, "admin"), asked)
        except StackError as refused:
            hint = refused.details.get("hint")
            return await message_page(
                status_of(refused), "Not connected", refused.message, hint if isinstance(hint, str) else None
            )
        return await message_page(
            200, "Connected", f"The service {done.provider} is connected", "You can close this page"
        )


def add_route(app: Quart, callback: Callback) -> None:
    """The one address that every application of the person's names as its redirect."""

    async def page() -> Response:
        return await callback()

    app.add_url_rule(CALLBACK_PATH, "connect_callback", page)
