"""`call`: any operation by name; a secret never stands in its inline input."""

import json

import pytest

from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.passports import IssuePassport, PassportVerdict, VerifyPassport
from tests.surfaces.test_cli_derived import AGENT, issued
from tests.surfaces.test_cli_launch import FakeLaunch, run


@pytest.fixture
def launch(tmp_path):
    launch = FakeLaunch(tmp_path)
    launch.appliance.answer(IssuePassport, issued)
    launch.appliance.answer(VerifyPassport, lambda _: PassportVerdict(valid=True))
    return launch


@pytest.mark.parametrize("name", ["issue_passport", "stack_issue_passport"])
@pytest.mark.parametrize("place", ["inline", "file", "stdin"])
def test_an_operation_is_asked_by_its_name_from_any_place(launch, tmp_path, name, place):
    text = json.dumps({"agent_id": AGENT, "ttl_seconds": 900})
    file = tmp_path / "input.json"
    file.write_text(text)
    given = {"inline": text, "file": f"@{file}", "stdin": "-"}[place]
    told = run(launch, "call", name, "--input", given, "--json", stdin=text)
    assert json.loads(told.stdout)["token"] == "passport-token"
    assert launch.asked(IssuePassport) == [IssuePassport(agent_id=AGENT, ttl_seconds=900)]


def test_without_input_the_request_is_empty(launch):
    assert run(launch, "call", "issue_passport").exit_code == 7


@pytest.mark.parametrize("name", ["nothing", "", "IssuePassport"])
def test_an_unknown_operation_is_6(launch, name):
    assert run(launch, "call", name).exit_code == 6


def test_a_secret_in_the_inline_input_is_refused_and_not_repeated(launch):
    told = run(launch, "call", "verify_passport", "--input", '{"token": "hunter2hunter2"}')
    assert told.exit_code == 7
    assert "@FILE" in told.stderr
    assert "hunter2" not in told.output
    assert launch.appliance.asked == []


def test_a_secret_may_come_in_the_input_on_stdin(launch):
    told = run(launch, "call", "verify_passport", "--input", "-", stdin='{"token": "the-token"}', session=None)
    assert told.exit_code == 0
    assert launch.asked(VerifyPassport)[0].token.get_secret_value() == "the-token"


def test_a_vault_is_not_made_by_call(launch):
    told = run(launch, "call", "create_vault", "--input", "-", stdin='{"passphrase": "x"}')
    assert told.exit_code == 7
    assert "init" in told.stderr
    assert launch.appliance.asked == []


@pytest.mark.parametrize(("given", "status"), [("[]", 7), ("3", 7), ("{", 2), ('{"a":1,"a":1}', 2), ("@", 2)])
def test_input_that_is_no_object_is_refused(launch, given, status):
    assert run(launch, "call", "list_agents", "--input", given).exit_code == status


def test_an_unknown_field_is_7(launch):
    assert run(launch, "call", "list_agents", "--input", '{"x": 1}').exit_code == 7


def test_call_knows_every_operation_of_the_command(launch):
    for operation in CATALOGUE.values():
        told = run(launch, "call", operation.name, "--input", '{"no such field": 1}')
        assert told.exit_code == (7 if "cli" in operation.surfaces else 6), operation.name
