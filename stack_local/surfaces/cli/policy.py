"""`preflight` and `policy test`: would these calls pass, and what would other terms have changed."""

from pathlib import Path

import click
from pydantic import JsonValue

from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.cli import requests, statuses
from stack_local.surfaces.cli.json_text import parse
from stack_local.surfaces.cli.printing import show, show_lines
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.surfaces.printable import printable
from stack_local.wire.policy import CallVerdict, Preflight, PreflightCalls, TermsTrial, TryTerms

FILE_BYTES = 4_000_000
"""Of a file of planned calls or of terms."""


def preflight_command() -> click.Command:
    """The command `preflight`."""
    return click.Command(
        "preflight",
        params=[
            click.Argument(["file"]),
            click.Option(["--agent", "agent_id"], metavar="ID", required=True, help="For which agent (agt_…)."),
            passphrase_option(),
            json_option(),
        ],
        callback=_preflight,
        help="Would the calls in FILE (a JSON list of {service, method, url, …}) pass unattended, and until when? "
        "1 if one would not.",
    )


@click.pass_obj
def _preflight(shell: Shell, file: str, agent_id: str, passphrase_file: str | None) -> int:
    request = requests.make(PreflightCalls, {"agent_id": agent_id, "calls": _read(file)})
    found = ask(shell, lambda client: client.call(request), passphrase_file=passphrase_file)
    if shell.wants_json:
        show(shell, found)
    else:
        show_lines(_told(found))
    return statuses.OK if found.passes else statuses.DEFECT


def _told(found: Preflight) -> list[str]:
    until = "" if found.good_until is None else f", until {found.good_until.isoformat()}"
    last = f"all would pass{until}" if found.passes else "not all would pass with nobody there"
    return [line for call in found.calls for line in _lines(call)] + [last]


def _lines(call: CallVerdict) -> list[str]:
    what = call.summary or f"{call.method} {call.url}"
    why = [f"       {printable(text)}" for text in (call.message, call.hint) if text is not None]
    return [f"{call.verdict:<5}  {printable(what)}", *(why if call.verdict != "allow" else [])]


def trial_command() -> click.Command:
    """The command `policy test`."""
    return click.Command(
        "test",
        params=[
            click.Argument(["file"]),
            click.Option(["--agent", "agent_id"], metavar="ID", required=True, help="Whose recorded calls (agt_…)."),
            click.Option(
                ["--connection", "connection_id"], metavar="ID", required=True, help="To which connection (scon_…)."
            ),
            click.Option(["--limit"], type=int, default=1000, help="How many of the newest; 1000 when left out."),
            passphrase_option(),
            json_option(),
        ],
        callback=_test,
        help="Replay recorded calls against the terms in FILE ({constraints, rules, windows}) and show what would "
        "differ from now. Nothing is saved.",
    )


@click.pass_obj
def _test(shell: Shell, file: str, agent_id: str, connection_id: str, limit: int, passphrase_file: str | None) -> None:
    terms = _read(file)
    asked = {"agent_id": agent_id, "service_connection_id": connection_id, "terms": terms, "limit": limit}
    request = requests.make(TryTerms, asked)
    found = ask(shell, lambda client: client.call(request), passphrase_file=passphrase_file)
    if shell.wants_json:
        show(shell, found)
        return
    show_lines(_differences(found))


def _differences(found: TermsTrial) -> list[str]:
    lines = [
        f"{one.before} -> {one.after}  {one.at:%Y-%m-%d %H:%M}  {printable(one.subject)}"
        + (f"  ({printable(one.message)})" if one.message else "")
        for one in found.differences
    ]
    unread = f", {found.unreadable} no longer readable" if found.unreadable else ""
    return [*lines, f"{found.replayed} calls replayed{unread}: {len(found.differences)} would differ"]


def _read(file: str) -> JsonValue:
    path = Path(file)
    if not path.is_file():
        raise InvalidRequest(f"there is no file {file}", field="file", rule="a file with JSON in it")
    with path.open("rb") as opened:
        raw = opened.read(FILE_BYTES + 1)
    if len(raw) > FILE_BYTES:
        raise InvalidRequest("the file is too large", field="file", rule=f"at most {FILE_BYTES} bytes")
    try:
        return parse(raw.decode("utf-8"))
    except ValueError as wrong:
        raise InvalidRequest("the file is not JSON", field="file", rule="one JSON value in UTF-8") from wrong
