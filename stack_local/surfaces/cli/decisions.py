"""`pending`, `approve`, `reject`: what waits for a person, and saying yes or no to one of it."""

from typing import TYPE_CHECKING

import click

from stack_local.domain.approvals import Status
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.cards import Pending, card
from stack_local.surfaces.cli.layout import Shown
from stack_local.surfaces.cli.printing import as_object, reading_width, show, show_lines, show_object
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option, question
from stack_local.wire.decisions import (
    ApproveDecision,
    GetDecision,
    ListPendingDecisions,
    PendingDecision,
    RejectDecision,
)
from stack_local.wire.intents import (
    ApproveIntent,
    GetIntentApproval,
    IntentApproval,
    ListIntents,
    RejectIntent,
)

if TYPE_CHECKING:
    from stack_local.client import Client

PAGE = 100
TYPED_CHARACTERS = 4
"""The end of the id that a person types to approve: it ties the yes to the card above it."""


def pending_command() -> click.Command:
    """The command `pending`."""
    return click.Command(
        "pending",
        params=[passphrase_option(), json_option()],
        callback=_pending,
        help="What waits for a person: calls, and changes of controls.",
    )


def approve_command() -> click.Command:
    """The command `approve`."""
    return click.Command(
        "approve",
        params=[
            click.Argument(["approval_id"], metavar="ID"),
            click.Option(["--yes"], is_flag=True, help="Do not ask. A call needs --digest then."),
            click.Option(["--digest"], metavar="SHA256", help="The digest of the call you have seen."),
            *_common_options(),
        ],
        callback=_approve,
        help="Show one pending decision, and approve it once.",
    )


def reject_command() -> click.Command:
    """The command `reject`."""
    return click.Command(
        "reject",
        params=[
            click.Argument(["approval_id"], metavar="ID"),
            click.Option(["--block-future"], is_flag=True, help="Block the agent too."),
            *_common_options(),
        ],
        callback=_reject,
        help="Refuse one pending decision. Rejecting a call revokes the agent's passport.",
    )


async def all_pending(client: "Client") -> list[Pending]:
    """Everything that waits, calls first, oldest first."""
    waiting: list[Pending] = []
    page = 1
    while True:
        items = (await client.call(ListIntents(page=page, limit=PAGE))).items
        waiting += items
        page += 1
        if len(items) < PAGE:
            break
    return [*waiting, *(await client.call(ListPendingDecisions())).items]


async def approve(client: "Client", pending: Pending, *, notes: str | None) -> Pending:
    """Say yes to exactly what was shown: the id, and for a call its digest.

    Raises:
        Conflict: the call's bytes are gone, so nothing was shown.
    """
    match pending:
        case IntentApproval():
            typed = {"approval_id": pending.id, "digest": _digest(pending), "notes": notes}
            return await client.call(requests.make(ApproveIntent, typed))
        case PendingDecision():
            return await client.call(requests.make(ApproveDecision, {"approval_id": pending.id, "notes": notes}))


async def reject(client: "Client", pending: Pending, *, notes: str | None, block_future: bool = False) -> Pending:
    """Say no."""
    typed: dict[str, object] = {"approval_id": pending.id, "notes": notes}
    match pending:
        case IntentApproval():
            return await client.call(requests.make(RejectIntent, {**typed, "block_future": block_future}))
        case PendingDecision():
            return await client.call(requests.make(RejectDecision, typed))


def confirmed(pending: Pending) -> bool:
    """Whether the person typed the end of the id."""
    typed = question(f"to approve, type the last {TYPED_CHARACTERS} characters of the id (Enter: no)", default="")
    return typed == pending.id[-TYPED_CHARACTERS:]


@click.pass_obj
def _pending(shell: Shell, passphrase_file: str | None) -> None:
    waiting = ask(shell, all_pending, passphrase_file=passphrase_file)
    if shell.wants_json:
        calls = [as_object(item) for item in waiting if isinstance(item, IntentApproval)]
        changes = [as_object(item) for item in waiting if isinstance(item, PendingDecision)]
        show_object(shell, {"intents": calls, "decisions": changes})
    else:
        show_object(shell, {"items": [_row(item) for item in waiting]})


@click.pass_obj
def _approve(
    shell: Shell, approval_id: str, yes: bool, digest: str | None, notes: str | None, passphrase_file: str | None
) -> None:
    if not yes and not shell.is_terminal():
        raise click.UsageError("approving asks at a terminal; without one, give --yes and --digest")

    async def decide(client: "Client") -> Pending:
        pending = await _find(client, approval_id)
        _check_digest(pending, digest, must_name=yes)
        show_lines(card(pending, width=reading_width()), err=True)
        # The question may block: nothing else runs in this loop.
        if not yes and not confirmed(pending):
            raise Conflict("not approved", code="NOT_CONFIRMED")
        return await approve(client, pending, notes=notes)

    show(shell, ask(shell, decide, passphrase_file=passphrase_file))


@click.pass_obj
def _reject(shell: Shell, approval_id: str, block_future: bool, notes: str | None, passphrase_file: str | None) -> None:
    async def decide(client: "Client") -> Pending:
        pending = await _find(client, approval_id)
        if block_future and isinstance(pending, PendingDecision):
            raise InvalidRequest("a change of controls has no agent to block", field="block_future")
        return await reject(client, pending, notes=notes, block_future=block_future)

    show(shell, ask(shell, decide, passphrase_file=passphrase_file))


async def _find(client: "Client", approval_id: str) -> Pending:
    pending: Pending
    try:
        pending = await client.call(requests.make(GetIntentApproval, {"approval_id": approval_id}))
    except NotFound:
        pending = await client.call(requests.make(GetDecision, {"approval_id": approval_id}))
    if pending.status is not Status.PENDING:
        raise Conflict(f"it no longer waits: it is {pending.status}", status=str(pending.status))
    return pending


def _check_digest(pending: Pending, digest: str | None, *, must_name: bool) -> None:
    match pending:
        case PendingDecision() if digest is not None:
            raise InvalidRequest("a change of controls has no digest; its id binds it", field="digest")
        case IntentApproval() if digest is None and must_name:
            raise InvalidRequest("--yes needs --digest: the digest of the call you have seen", field="digest")
        case IntentApproval() if digest is not None and digest != _digest(pending):
            raise Conflict("this is not the call you have seen", code="DIGEST_DIFFERS", digest=_digest(pending))
        case _:
            pass


def _digest(approval: IntentApproval) -> str:
    if approval.call is None:
        raise Conflict("the bytes of this call were shredded; it cannot be approved", code="CALL_SHREDDED")
    return approval.call.digest


def _row(pending: Pending) -> dict[str, Shown]:
    who, what = _who_and_what(pending)
    return {"id": pending.id, "who": who, "what": what, "waits_until": pending.expires_at.isoformat(timespec="minutes")}


def _who_and_what(pending: Pending) -> tuple[str, str]:
    match pending:
        case IntentApproval(call=call):
            what = "a call whose bytes were shredded" if call is None else f"{call.method} {call.host}{call.path}"
            return pending.agent_name, what
        case PendingDecision():
            return pending.asked_by, f"{pending.operation}: {pending.summary}"


def _common_options() -> list[click.Parameter]:
    notes = click.Option(["--notes"], help="A note for the agent and the log.")
    return [notes, passphrase_option(), json_option()]
