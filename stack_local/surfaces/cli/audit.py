"""`audit verify`: the whole chain, from its first entry to its head."""

from typing import TYPE_CHECKING

import click

from stack_local.surfaces.cli import statuses
from stack_local.surfaces.cli.printing import show
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.wire.audit import ChainVerdict, VerifyAuditChain

if TYPE_CHECKING:
    from stack_local.client import Client

STRETCH = 100_000
"""Entries verified in one request."""


def verify_command() -> click.Command:
    """The command `audit verify`."""
    return click.Command(
        "verify",
        params=[passphrase_option(), json_option()],
        callback=_verify,
        help="Recompute the whole audit chain; 1 if an entry does not hold.",
    )


@click.pass_obj
def _verify(shell: Shell, passphrase_file: str | None) -> int:
    verdict = ask(shell, _whole_chain, passphrase_file=passphrase_file)
    show(shell, verdict)
    return statuses.OK if verdict.ok else statuses.DEFECT


async def _whole_chain(client: "Client") -> ChainVerdict:
    checked = 0
    while True:
        verdict = await client.call(VerifyAuditChain(from_sequence=checked + 1, limit=STRETCH))
        checked += verdict.checked
        whole = verdict.model_copy(update={"checked": checked})
        # An empty stretch ends it too: a chain whose head lies about its length must not keep us here.
        if not verdict.ok or verdict.checked == 0 or checked >= verdict.head.sequence:
            return whole
