"""The conversation of `auth` with the OAuth endpoints: a device code that is polled, a refresh, a revocation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stack_local.client import FormAnswer, FormClient
from stack_local.domain.errors import Forbidden, InvalidRequest, StackError, Unauthorized, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.oauth.core import FIRST_PARTY
from stack_local.oauth.metadata import DEVICE_GRANT
from stack_local.surfaces.cli.layout import labeled
from stack_local.surfaces.cli.login_file import LogIn
from stack_local.surfaces.cli.printing import reading_width, show_lines
from stack_local.surfaces.cli.shell import Shell
from stack_local.surfaces.printable import printable

SLOWER_SECONDS = 5
"""Added when the appliance says that we ask too often (RFC 8628, section 3.5)."""

USUAL_INTERVAL_SECONDS = 5
"""Where it names no interval (section 3.2)."""

MOST_SECONDS = 3600
"""No interval and no lifetime of a code is believed beyond this."""

GO_ON = frozenset({"authorization_pending", "slow_down", "temporarily_unavailable"})
"""What is said while nothing is decided."""

BEGIN_AGAIN = "begin it again with `stack-local auth login`"

Form = Mapping[str, str | Secret]


@dataclass(frozen=True, slots=True)
class _Device:
    """What a log-in began with (RFC 8628, section 3.2)."""

    device_code: Secret
    user_code: str = field(repr=False)
    expires_in: int
    interval: int


async def log_in(shell: Shell, client: FormClient, *, scope: str | None) -> LogIn:
    """Show a code, and wait until a person has decided.

    Raises:
        Forbidden: a person said no.
        Unauthorized: nobody typed the code in time, or it was taken back.
    """
    asked = {"client_id": FIRST_PARTY.id} | ({} if scope is None else {"scope": scope})
    device = _device(_granted(await client.post("/oauth/device_authorization", asked)))
    _show_code(shell, device)
    answer = await _decided(shell, client, device)
    return _log_in(_granted(answer), shell.system.now())


async def refresh(shell: Shell, client: FormClient, login: LogIn) -> LogIn:
    """The log-in with the next refresh token: the one it had is used up.

    Raises:
        Unauthorized: it is good for nothing any more.
    """
    form: Form = {
        "grant_type": "refresh_token",
        "client_id": login.client_id,
        "refresh_token": login.refresh_token,
    }
    return _log_in(_granted(await client.post("/oauth/token", form)), shell.system.now())


async def revoke(client: FormClient, login: LogIn) -> None:
    """End the log-in at the appliance (RFC 7009)."""
    form: Form = {"client_id": login.client_id, "token": login.refresh_token, "token_type_hint": "refresh_token"}
    _granted(await client.post("/oauth/revoke", form))


async def _decided(shell: Shell, client: FormClient, device: _Device) -> FormAnswer:
    """The first answer that is not `go on`."""
    form: Form = {"grant_type": DEVICE_GRANT, "client_id": FIRST_PARTY.id, "device_code": device.device_code}
    ends_at = shell.system.monotonic() + device.expires_in
    interval = device.interval
    while shell.system.monotonic() < ends_at:
        await shell.pause(interval)
        answer = await client.post("/oauth/token", form)
        if answer.error not in GO_ON:
            return answer
        interval += SLOWER_SECONDS if answer.error == "slow_down" else 0
    raise Unauthorized("nobody let it in in time", code="LOG_IN_EXPIRED", hint=BEGIN_AGAIN)


def _show_code(shell: Shell, device: _Device) -> None:
    ends_at = shell.system.now() + timedelta(seconds=device.expires_in)
    facts = [
        ("code", printable(device.user_code)),
        ("type it", "on screen 6, Clients, key c; or `stack-local consents enter-device-code`, then `consents give`"),
        ("until", f"{ends_at:%H:%M:%S} UTC"),
    ]
    show_lines(labeled(facts, indent="", width=reading_width()), err=True)


def _granted(answer: FormAnswer) -> Mapping[str, object]:
    if answer.error is None:
        return answer.members
    raise _refusal(answer)


def _refusal(answer: FormAnswer) -> StackError:
    match answer.error:
        case "access_denied":
            return Forbidden("a person refused the log-in", code="LOG_IN_REFUSED", rule="access_denied")
        case "expired_token":
            return Unauthorized("nobody let it in in time", code="LOG_IN_EXPIRED", hint=BEGIN_AGAIN)
        case "invalid_grant":
            return Unauthorized("the log-in is revoked, used up or over", code="LOG_IN_OVER", hint=BEGIN_AGAIN)
        case "temporarily_unavailable":
            hint = "a person unlocks it with `stack-local unlock`"
            return Unavailable("the appliance cannot do it now", rule=_words(answer), hint=hint)
        case _:
            return InvalidRequest("the appliance does not take the request", rule=f"{answer.error}: {_words(answer)}")


def _words(answer: FormAnswer) -> str:
    return str(answer.members.get("error_description", ""))


def _device(said: Mapping[str, object]) -> _Device:
    return _Device(
        device_code=Secret(_text(said, "device_code")),
        user_code=_text(said, "user_code"),
        expires_in=_seconds(said, "expires_in", most=MOST_SECONDS),
        interval=_seconds(said, "interval", most=MOST_SECONDS) if "interval" in said else USUAL_INTERVAL_SECONDS,
    )


def _log_in(said: Mapping[str, object], now: datetime) -> LogIn:
    lifetime = _seconds(said, "refresh_token_expires_in", most=366 * 86_400)
    return LogIn(
        client_id=FIRST_PARTY.id,
        refresh_token=Secret(_text(said, "refresh_token")),
        issued_at=now,
        refresh_expires_at=now + timedelta(seconds=lifetime),
        scope=_text(said, "scope"),
    )


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise Unavailable("what answers there is no appliance of ours", code="NOT_OURS", rule=name)
    return value


def _seconds(said: Mapping[str, object], name: str, *, most: int) -> int:
    value = said.get(name)
    if type(value) is not int or not 0 < value <= most:
        raise Unavailable("what answers there is no appliance of ours", code="NOT_OURS", rule=name)
    return value
