"""Commands from the catalogue: every operation has one, with an option for each field and none for a secret."""

import json
import re

import click
import pytest
from pydantic import SecretStr

from stack_local.surfaces.cli.derived import command_name, derived_command, derived_groups
from stack_local.surfaces.cli.options import Hidden, Plain, Repeated, kind_of, secret_fields
from stack_local.surfaces.cli.tree import all_commands
from stack_local.wire.agents import Agents, ListAgents, RegisterAgent
from stack_local.wire.catalogue import CATALOGUE, Request, View
from stack_local.wire.keys import ApiKey, CreatedKey, CreateKey
from stack_local.wire.passports import (
    Checkpoint,
    IssuedPassport,
    IssuePassport,
    PassportVerdict,
    RevokeAllPassports,
    RevokedMany,
    VerifyPassport,
)
from stack_local.wire.services import ConnectCustomService
from stack_local.wire.vault import GetHealth
from tests.surfaces.test_cli_launch import LATER, FakeLaunch, run

AGENT = "agt_0123456789ABCDEFGHIJKL"
CONNECTION = "scon_0123456789ABCDEFGHIJKL"
PASSPORT = "ppt_0123456789ABCDEFGHIJKL"

NAMES = [
    ("passports", "issue_passport", "issue"),
    ("passports", "revoke_all_passports", "revoke-all"),
    ("passports", "list_active_passports", "list-active"),
    ("passports", "revoke_session", "revoke-session"),
    ("agents", "register_agent", "register"),
    ("agents", "list_agents", "list"),
    ("audit", "verify_audit_chain", "verify-chain"),
    ("intents", "send_back_intent", "send-back"),
    ("proxy", "proxy_request", "request"),
    ("vault", "lock_vault", "lock"),
    ("access", "grant_agent_access", "grant-agent"),
    ("keys", "keys", "keys"),
]

OPERATIONS = [operation for operation in CATALOGUE.values() if "cli" in operation.surfaces]


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def by_name(operation):
    return operation.name


def issued(_request) -> IssuedPassport:
    return IssuedPassport(
        token=SecretStr("passport-token"), jti=PASSPORT, session_id="ses", expires_at=LATER, accountability="enforced"
    )


def created_key(request: CreateKey) -> CreatedKey:
    key = ApiKey(
        id="key_0123456789ABCDEFGHIJKL",
        preset=request.preset,
        label="",
        shown="stk_ab",
        agent_id=request.agent_id,
        decides_agents=[],
        decides_services=[],
        created_at=LATER,
        expires_at=None,
        revoked_at=None,
    )
    return CreatedKey(api_key=SecretStr("stk_abcdef"), key=key, warning=None)


@pytest.mark.parametrize(("area", "operation", "name"), NAMES, ids=[name for _, name, _ in NAMES])
def test_a_command_is_named_by_its_operation_without_the_noun(area, operation, name):
    assert command_name(area, operation) == name


def test_no_two_operations_share_a_command():
    names = [(operation.area, command_name(operation.area, operation.name)) for operation in OPERATIONS]
    assert len(set(names)) == len(OPERATIONS)


def test_no_two_commands_share_a_name_at_the_top():
    names = [command.name for command in all_commands()]
    assert len(set(names)) == len(names)


def test_a_hand_made_command_takes_no_name_of_another_operation():
    areas = {command.name: command for command in all_commands() if isinstance(command, click.Group)}
    for area, group in derived_groups().items():
        hand_made = set(areas[area].commands) - set(group.commands)
        assert hand_made <= {"test", "verify"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_each_operation_has_a_command_that_parses_what_its_help_offers(launch, operation):
    line = [operation.area, command_name(operation.area, operation.name)]
    told = run(launch, *line, "--help")
    assert told.exit_code == 0
    derived = derived_command(operation)
    known = {name for option in derived.params for name in (*option.opts, *option.secondary_opts)}
    offered = set(re.findall(r"(?<![\w<])--[a-z][a-z-]*", told.stdout)) - {"--home", "--help"}
    assert offered == known | ({"--recovery-file"} if operation.name == "create_vault" else set())


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_each_field_has_its_option(operation):
    offered = {name for option in derived_command(operation).params for name in option.opts}
    hidden = secret_fields(operation.request)
    for name in operation.request.model_fields:
        flag = "--" + name.replace("_", "-")
        assert (f"{flag}-file" if name in hidden else flag) in offered


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_no_option_takes_a_secret(operation):
    hidden = secret_fields(operation.request)
    for option in derived_command(operation).params:
        if option.name.removesuffix("_file").removesuffix("_json") in hidden:
            assert option.name.endswith("_file")
            assert all(name.endswith("-file") for name in option.opts)


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_no_two_options_of_a_command_share_a_name(operation):
    names = [name for option in derived_command(operation).params for name in (*option.opts, *option.secondary_opts)]
    assert len(set(names)) == len(names)


def test_every_secret_of_the_wire_is_known_as_one():
    assert secret_fields(VerifyPassport) == {"token"}
    assert secret_fields(ConnectCustomService) == {"credential"}
    names = {name for operation in OPERATIONS for name in secret_fields(operation.request)}
    passphrases = {"passphrase", "current_passphrase", "new_passphrase", "recovery_code"}
    connecting = {"client_secret", "oauth_token", "callback_url"}
    assert names == {"token", "credential", "passport_token", "parent_passport_token"} | passphrases | connecting


class Inner(View):
    key: SecretStr


class Outer(Request[View]):
    inner: Inner | None = None


KINDS = [
    (str, Plain),
    (str | None, Plain),
    (int | None, Plain),
    (bool, Plain),
    (list[str], Repeated),
    (list[Inner], Hidden),
    (Inner | None, Hidden),
    (dict[str, SecretStr], Hidden),
    (SecretStr | None, Hidden),
    (str | int, Plain),
]


@pytest.mark.parametrize(("annotation", "kind"), KINDS, ids=str)
def test_a_type_is_typed_in_as_its_kind(annotation, kind):
    assert isinstance(kind_of(annotation), kind)


def test_a_secret_within_an_object_is_a_secret():
    assert secret_fields(Outer) == {"inner"}


def test_fields_arrive_as_their_types(launch):
    launch.appliance.answer(IssuePassport, issued)
    scope = {"service_connection_id": CONNECTION, "scopes": ["read"]}
    intent = {"summary": "read the news"}
    line = ["--agent-id", AGENT, "--ttl-seconds", "900", "--intent", json.dumps(intent), "--scopes", json.dumps(scope)]
    told = run(launch, "passports", "issue", *line, "--json")
    assert told.exit_code == 0
    assert launch.asked(IssuePassport) == [
        IssuePassport(agent_id=AGENT, ttl_seconds=900, intent=intent, scopes=[scope])
    ]
    assert json.loads(told.stdout)["token"] == "passport-token"


def test_a_list_is_an_option_that_repeats(launch):
    launch.appliance.answer(CreateKey, created_key)
    other = AGENT[:-1] + "M"
    run(launch, "keys", "create", "--preset", "approver", "--decides-agents", AGENT, "--decides-agents", other)
    (request,) = launch.asked(CreateKey)
    assert request.decides_agents == [AGENT, other]
    assert "decides_services" not in request.model_fields_set


def test_an_agents_key_is_made_with_the_documented_option(launch):
    launch.appliance.answer(CreateKey, created_key)
    told = run(launch, "keys", "create", "--preset", "agent", "--agent", AGENT, "--json")
    assert json.loads(told.stdout)["api_key"] == "stk_abcdef"
    assert launch.asked(CreateKey)[0].agent_id == AGENT


@pytest.mark.parametrize(
    ("flags", "confirm"), [([], False), (["--confirm"], True), (["--no-confirm"], False)], ids=["left out", "yes", "no"]
)
def test_a_boolean_is_a_flag_with_its_opposite(launch, flags, confirm):
    launch.appliance.answer(RevokeAllPassports, lambda _: RevokedMany(revoked_count=3))
    assert run(launch, "passports", "revoke-all", *flags).exit_code == 0
    assert launch.asked(RevokeAllPassports)[0].confirm is confirm


def test_a_needed_list_that_is_left_out_is_empty(launch):
    launch.appliance.answer(Checkpoint, lambda _: RevokedMany(revoked_count=0))
    run(launch, "passports", "checkpoint", "--jti", PASSPORT, "--actions-count", "0")
    assert launch.asked(Checkpoint)[0].services_used == []


def test_a_value_the_wire_refuses_is_named_and_not_quoted(launch):
    told = run(launch, "passports", "issue", "--agent-id", "hunter2hunter2", "--ttl-seconds", "1")
    assert told.exit_code == 7
    assert "agent_id" in told.stderr
    assert "ttl_seconds" in told.stderr
    assert "hunter2" not in told.stderr
    assert launch.appliance.asked == []


@pytest.mark.parametrize("text", ["{", '{"a":1,"a":2}', "NaN", "[" * 5000, "@/nowhere/at/all"])
def test_json_that_is_not_is_a_usage_error(launch, text):
    assert run(launch, "passports", "issue", "--agent-id", AGENT, "--intent", text).exit_code == 2


def test_a_secret_comes_from_a_file(launch, tmp_path):
    launch.appliance.answer(VerifyPassport, lambda _: PassportVerdict(valid=True))
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("the-token\n")
    assert run(launch, "passports", "verify", "--token-file", str(file)).exit_code == 0
    assert launch.asked(VerifyPassport)[0].token.get_secret_value() == "the-token"


def test_a_secret_comes_from_stdin(launch):
    launch.appliance.answer(VerifyPassport, lambda _: PassportVerdict(valid=True))
    assert run(launch, "passports", "verify", "--token-file", "-", stdin="the-token\n").exit_code == 0
    assert launch.asked(VerifyPassport)[0].token.get_secret_value() == "the-token"


def test_a_missing_secret_is_asked_for_at_a_terminal_and_not_echoed(launch):
    launch.appliance.answer(VerifyPassport, lambda _: PassportVerdict(valid=True))
    told = run(launch, "passports", "verify", "--json", terminal=True, stdin="the-token\n")
    assert launch.asked(VerifyPassport)[0].token.get_secret_value() == "the-token"
    assert json.loads(told.stdout)["valid"] is True
    assert "the-token" not in told.output


def test_a_missing_secret_without_a_terminal_is_4(launch):
    told = run(launch, "passports", "verify")
    assert told.exit_code == 4
    assert "--token-file" in told.stderr
    assert launch.appliance.asked == []


def test_only_one_option_reads_stdin(launch):
    line = ["passports", "refresh", "--token-file", "-", "--passphrase-file", "-"]
    assert run(launch, *line, stdin="one\n", session=None).exit_code == 2


def test_a_credential_may_be_one_text_or_fields(launch, tmp_path):
    launch.appliance.answer(ConnectCustomService, lambda _: RevokedMany(revoked_count=0))
    file = tmp_path / "credential"
    file.touch(0o600)
    file.write_text('{"user": "u", "password": "p"}')
    for option in ("--credential-file", "--credential-json-file"):
        assert run(launch, "services", "connect-custom", "--name", "demo", option, str(file)).exit_code == 0
    text, fields = [request.credential for request in launch.asked(ConnectCustomService)]
    assert text.get_secret_value() == '{"user": "u", "password": "p"}'
    assert {name: value.get_secret_value() for name, value in fields.items()} == {"user": "u", "password": "p"}


def test_credential_fields_that_are_not_json_are_not_quoted(launch, tmp_path):
    file = tmp_path / "credential"
    file.touch(0o600)
    file.write_text("{hunter2hunter2")
    told = run(launch, "services", "connect-custom", "--name", "demo", "--credential-json-file", str(file))
    assert told.exit_code == 7
    assert "hunter2" not in told.output


def test_what_is_open_to_all_needs_no_session(launch):
    told = run(launch, "vault", "get-health", "--json", session=None)
    assert json.loads(told.stdout)["state"] == "unlocked"
    assert launch.asked(GetHealth) == [GetHealth()]
    assert launch.appliance.session is None


def test_a_list_is_one_object_in_json_and_words_without(launch):
    launch.appliance.answer(ListAgents, lambda _: Agents(items=[]))
    assert json.loads(run(launch, "agents", "list", "--json").stdout) == {"items": []}
    assert run(launch, "agents", "list").stdout == "none\n"


def test_enum_fields_offer_their_values(launch):
    told = run(launch, "agents", "register", "--name", "bot", "--accountability-mode", "sometimes")
    assert told.exit_code == 2
    assert "enforced" in told.stderr
    assert launch.asked(RegisterAgent) == []
