"""All commands: the hand-made ones at the top, the derived ones by area."""

import click

from stack_local.surfaces.cli import (
    audit,
    auth,
    call,
    connect,
    consent_code,
    decisions,
    doctor,
    import_secrets,
    policy,
    process,
    review,
    vault,
    watch,
)
from stack_local.surfaces.cli.derived import derived_groups
from stack_local.surfaces.cli.shell import home_option


def all_commands() -> list[click.Command]:
    """Every command below `stack-local`, each with `--home`."""
    areas = derived_groups()
    of_vault = areas["vault"].commands
    # The recovery code must not go to stdout: making a vault has one form, the hand-made one.
    areas["vault"].add_command(vault.init_command(), "create")
    areas["audit"].add_command(audit.verify_command())
    areas["policy"].add_command(policy.trial_command())
    for area in areas.values():
        area.help = area.short_help = ", ".join(area.commands)
    session = click.Group("session", help="Operator sessions, for scripts.")
    session.add_command(of_vault["create-session"], "create")
    session.add_command(of_vault["end-session"], "end")
    session.add_command(consent_code.consent_code_command())
    commands = [*_hand_made(), of_vault["lock"], of_vault["seal"], session, *areas.values()]
    for command in commands:
        _add_home(command)
    return commands


def _hand_made() -> list[click.Command]:
    return [
        vault.init_command(),
        vault.unlock_command(),
        process.serve_command(),
        process.tui_command(),
        process.demo_command(),
        process.self_test_command(),
        call.call_command(),
        connect.connect_command(),
        auth.auth_group(),
        decisions.pending_command(),
        decisions.approve_command(),
        decisions.reject_command(),
        review.review_command(),
        policy.preflight_command(),
        import_secrets.import_group(),
        watch.watch_command(),
        doctor.doctor_command(),
    ]


def _add_home(command: click.Command) -> None:
    # `lock` hangs at the top and in its area: it gets the option once.
    if all(option.name != "home" for option in command.params):
        command.params.append(home_option())
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _add_home(below)
