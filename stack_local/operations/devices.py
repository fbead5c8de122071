"""Log-ins by the device grant (RFC 8628): the service is looked at until the person has typed the code there."""

from dataclasses import replace
from datetime import datetime, timedelta

from stack_local.oauth.tokens_upstream import Tokens
from stack_local.oauth.upstream import device_request, device_token_request
from stack_local.oauth.upstream_answers import Dead, DeviceCodes, Later, Waiting, read_device
from stack_local.operations import attempts
from stack_local.operations.context import Core
from stack_local.operations.logging_in import LoggingIn, ask, fail, keep, loaded
from stack_local.service_templates import fill
from stack_local.store import connecting as store
from stack_local.store.connecting import AttemptRow
from stack_local.system import System

SLOWER_SECONDS = 5
"""Added to the interval each time the service says `slow_down` (RFC 8628, section 3.5)."""

LEAST_SECONDS, MOST_SECONDS = 1, 60
"""Between two looks, whatever the service says."""

MOST_MINUTES = 30
"""A device log-in waits no longer, whatever the service says."""


async def look(core: Core, system: System) -> None:
    """Take the next step of the device log-in whose turn it is, if there is one and the vault is unlocked."""
    if not core.vault.is_unlocked:
        return
    now = system.now()
    row = await core.database.read(lambda tx: store.find_due_device(tx, now))
    if row is None:
        return
    of = await core.database.read(lambda tx: loaded(tx, core, row))
    await (_begin(core, system, of) if of.errand.device_code is None else _look(core, system, of))


async def _begin(core: Core, system: System, of: LoggingIn) -> None:
    url = fill(of.oauth.device_authorization_url or "", of.draft.placeholders)
    request = device_request(url, of.server, of.errand.client, of.draft.service_scopes)
    asked = await core.tokens.ask(request, private_allowed=of.server.private_allowed)
    begun = asked if isinstance(asked, Later) else read_device(asked)
    if not isinstance(begun, DeviceCodes):
        await _go_on(core, system, of, begun)
        return
    now = system.now()
    errand = replace(of.errand, device_code=begun.device_code)
    row = replace(
        of.row,
        sealed=attempts.sealed(core, of.row, errand),
        user_code=begun.user_code,
        verification_uri=begun.verification_uri,
        interval_seconds=min(max(begun.interval_seconds, LEAST_SECONDS), MOST_SECONDS),
        expires_at=now + timedelta(seconds=min(begun.expires_in_seconds, 60 * MOST_MINUTES)),
    )
    await core.database.write(lambda tx: store.set_device(tx, _next(row, now)))


async def _look(core: Core, system: System, of: LoggingIn) -> None:
    assert of.errand.device_code is not None  # by the caller
    request = device_token_request(of.server, of.errand.client, of.errand.device_code)
    outcome = await ask(core, of, request, at=system.now())
    if isinstance(outcome, Tokens):
        await keep(core, system, of, outcome)
        return
    await _go_on(core, system, of, outcome)


async def _go_on(core: Core, system: System, of: LoggingIn, outcome: Dead | Later | Waiting) -> None:
    """Wait on, more slowly where the service says so or does not answer; or end it."""
    now, row = system.now(), of.row
    match outcome:
        case Dead():
            await core.database.write(lambda tx: fail(tx, core, system, row, outcome.reason))
            return
        case Waiting(slower=True):
            row = replace(row, interval_seconds=row.interval_seconds + SLOWER_SECONDS)
        case Later():
            row = replace(row, interval_seconds=max(row.interval_seconds, SLOWER_SECONDS) * 2)
        case Waiting():
            pass
    slowed = _next(replace(row, interval_seconds=min(row.interval_seconds, MOST_SECONDS)), now)
    await core.database.write(lambda tx: store.set_device(tx, slowed))


def _next(row: AttemptRow, now: datetime) -> AttemptRow:
    return replace(row, next_at=now + timedelta(seconds=row.interval_seconds))
