"""How a worker asks: every answer and every refusal becomes a message, and no error ends a screen."""

from collections.abc import Callable
from typing import TypeVar

from textual.message import Message

from stack_local.client import Client
from stack_local.domain import errors
from stack_local.domain.errors import StackError
from stack_local.wire.catalogue import Request, View
from stack_local.wire.vault import CreateSession, GetHealth, GetStatus, OperatorSession, Passphrase, UnlockVault
from tui.messages import Doubted, Refused, SessionEnded

Answer = TypeVar("Answer", bound=View)
Post = Callable[[Message], object]

CONFIRMATIONS = ("confirm_format", "confirm_hosts")
"""By which field of a request a person says that it is right all the same; the refusal's hint names the field."""


async def ask(client: Client, request: Request[Answer], post: Post) -> Answer | None:
    """The answer; or None, once the refusal has been posted, as a doubt where a person may say that it is right."""
    try:
        return await client.call(request)
    except (errors.Unauthorized, errors.Locked):
        post(SessionEnded())
    except StackError as refused:
        post(_doubt(request, refused) or refusal(refused))
    except Exception:  # noqa: BLE001 (the TUI worker: an answer nobody foresaw must not take the queue off the screen)
        post(Refused("the appliance gave an answer that this screen does not understand"))
    return None


def _doubt(request: Request[Answer], refused: StackError) -> Doubted | None:
    hint = str(refused.details.get("hint"))
    for name in CONFIRMATIONS:
        if name in hint and getattr(request, name, True) is False:
            return Doubted(request.model_copy(update={name: True}), refusal(refused))
    # Of a known service one field confirms both.
    if "confirm_hosts" in hint and getattr(request, "confirm_format", True) is False:
        return Doubted(request.model_copy(update={"confirm_format": True}), refusal(refused))
    return None


def refusal(refused: StackError) -> Refused:
    """A refusal in the appliance's own words."""
    hint = refused.details.get("hint")
    return Refused(refused.message, hint if isinstance(hint, str) else None)


async def state_of(client: Client) -> str:
    """`empty`, `sealed`, `locked` or `unlocked`; health tells it where nobody has a session yet.

    Raises:
        StackError: nobody answers.
    """
    try:
        return (await client.call(GetStatus())).state
    except (errors.Unauthorized, errors.Locked):
        return (await client.call(GetHealth())).state


async def open_session(client: Client, passphrase: Passphrase) -> OperatorSession:
    """A session for the passphrase: by unlocking, or beside others on a vault that is open.

    Raises:
        StackError: the passphrase is wrong, or has to wait.
    """
    if await state_of(client) == "unlocked":
        return await client.call(CreateSession(passphrase=passphrase))
    return await client.call(UnlockVault(passphrase=passphrase))
