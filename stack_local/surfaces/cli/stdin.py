"""Standard input as the place of one value (`-`)."""

import sys

import click

STDIN = "-"

_TAKEN = "stack_local.stdin"


def read_stdin(max_bytes: int) -> bytes:
    """What stands on stdin, at most one byte more than `max_bytes`.

    Raises:
        UsageError: two options ask for stdin; the second would find it empty.
    """
    context = click.get_current_context()
    if context.meta.get(_TAKEN):
        raise click.UsageError("only one option can read stdin", ctx=context)
    context.meta[_TAKEN] = True
    return sys.stdin.buffer.read(max_bytes + 1)
