"""`review`: one pending decision after another, in any terminal."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from stack_local.domain.errors import Locked, StackError, Unauthorized, Unavailable
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.cards import Pending, card
from stack_local.surfaces.cli.decisions import all_pending, approve, confirmed, reject
from stack_local.surfaces.cli.printing import reading_width, show_lines
from stack_local.surfaces.cli.refusals import show_refusal
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, question
from stack_local.wire.intents import IntentApproval, SendBackIntent

if TYPE_CHECKING:
    from stack_local.client import Client

CALL_CHOICES = "[a]pprove once / [s]end back / [r]eject / [n]ext / [q]uit"
CHANGE_CHOICES = "[a]pprove / [r]eject / [n]ext / [q]uit"
QUIT = "quit"


def review_command() -> click.Command:
    """The command `review`."""
    return click.Command(
        "review",
        params=[passphrase_option()],
        callback=_review,
        help="Decide what waits, one after another. Rejecting a call revokes the agent's passport, "
        "and what else waits in its session falls.",
    )


@click.pass_obj
def _review(shell: Shell, passphrase_file: str | None) -> None:
    if not shell.is_terminal():
        raise click.UsageError("review asks at a terminal; without one, use `pending --json` and `approve`")
    decided = ask(shell, _walk, passphrase_file=passphrase_file)
    words = [f"{count} {outcome}" for outcome, count in decided.items()]
    click.echo(", ".join(words) or "nothing was decided")


async def _walk(client: "Client") -> Counter[str]:
    """Every decision once, with those that come meanwhile. The questions may block: nothing else runs in this loop."""
    decided: Counter[str] = Counter()
    seen: set[str] = set()
    while pending := await _next(client, seen):
        seen.add(pending.id)
        outcome = await _review_one(client, pending)
        if outcome == QUIT:
            return decided
        if outcome is not None:
            decided[outcome] += 1
    click.echo("nothing more waits")
    return decided


async def _next(client: "Client", seen: set[str]) -> Pending | None:
    return next((pending for pending in await all_pending(client) if pending.id not in seen), None)


async def _review_one(client: "Client", pending: Pending) -> str | None:
    """What was done, None if nothing was."""
    click.echo()
    show_lines(card(pending, width=reading_width()))
    choices = CALL_CHOICES if isinstance(pending, IntentApproval) else CHANGE_CHOICES
    while True:
        choice = question(choices, default="?").lower()
        if choice == "n":
            return None
        if choice == "q":
            return QUIT
        try:
            if (outcome := await _decide(client, pending, choice)) is not None:
                return outcome
        except (Unauthorized, Unavailable, Locked):
            raise
        except StackError as refused:
            # Meanwhile it expired, or another decided it: said, and on to the next.
            show_refusal(refused, as_json=False)
            return None
        click.echo("nothing is decided yet")


async def _decide(client: "Client", pending: Pending, choice: str) -> str | None:
    """The outcome, None where the choice is none or was not confirmed."""
    match choice:
        case "a" if confirmed(pending):
            await approve(client, pending, notes=None)
            return "approved"
        case "s" if isinstance(pending, IntentApproval):
            await _send_back(client, pending)
            return "sent back"
        case "r":
            await reject(client, pending, notes=_note())
            return "rejected"
        case _:
            return None


async def _send_back(client: "Client", pending: IntentApproval) -> None:
    notes = question("what should the agent change")
    await client.call(requests.make(SendBackIntent, {"approval_id": pending.id, "notes": notes}))


def _note() -> str | None:
    return question("a note for the agent (Enter: none)", default="") or None
