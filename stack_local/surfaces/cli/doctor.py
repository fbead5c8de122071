"""`doctor`: what is well and what is not."""

import click

from stack_local.surfaces.cli import statuses
from stack_local.surfaces.cli.launch import DoctorLine
from stack_local.surfaces.cli.printing import show_lines, show_object
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.surfaces.printable import printable


def doctor_command() -> click.Command:
    """The command `doctor`."""
    return click.Command(
        "doctor", params=[json_option()], callback=_doctor, help="Look at this installation; 1 if something fails."
    )


@click.pass_obj
def _doctor(shell: Shell) -> int:
    found = shell.launch.doctor(shell.home)
    is_well = all(line.level != "fail" for line in found)
    if shell.wants_json:
        lines = [{"level": line.level, "text": line.text, "hint": line.hint} for line in found]
        show_object(shell, {"ok": is_well, "lines": lines})
    else:
        show_lines(text for line in found for text in _texts(line))
    return statuses.OK if is_well else statuses.DEFECT


def _texts(line: DoctorLine) -> list[str]:
    shown = [f"{line.level:<4}  {printable(line.text)}"]
    return shown if line.hint is None else [*shown, f"      hint: {printable(line.hint)}"]
