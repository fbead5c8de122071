"""The page behind a client's question: it sends the person to the terminal, and nothing can be done on it."""

import re

from quart import Quart, Response

from stack_local.domain import ids
from stack_local.surfaces.consent_page import message_page

PAGE = "/approvals"
"""Where the page of one approval lies. It stands here, since the SDK is loaded only after the first health check."""

_APPROVAL = re.compile(ids.pattern("approval"))


def add_route(app: Quart) -> None:
    """The page of every approval; it knows none, so that it tells nobody anything."""
    app.add_url_rule(f"{PAGE}/<approval_id>", "approval_page", _page)


async def _page(approval_id: str) -> Response:
    if not _APPROVAL.fullmatch(approval_id):
        return await message_page(404, "No such page", "An approval's address ends with its id")
    return await message_page(
        200,
        "Decide in the terminal",
        f"Screen 1, Approvals, shows the exact call. The id ends with {approval_id[-4:]}",
        "Then go back to the client and let it go on. Nothing can be decided on this page",
    )
