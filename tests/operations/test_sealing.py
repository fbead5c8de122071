"""A credential and the one before it: they change places, move with their hosts, and open nowhere else."""

from typing import Any

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.proxy.credentials import Credentials
from stack_local.store import services
from stack_local.wire.audit import ListAudit
from stack_local.wire.credentials import ListCredentials, RotateCredential, UndoCredential
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.services import BindConnectionHosts, Connection, ListConnections, VerifyConnection
from tests.conftest import TOKEN, decoded
from tests.oauth.private_keys import pem, rsa_key
from tests.simulators.shop import SHOP, TENANT, Counter

NEW, NEWER = "a-new-secret-1a2b3c", "a-newer-secret-4d5e6f"


async def connected(at: Counter, **fields: Any) -> str:
    made = await at.begin(**fields)
    assert made.id is not None
    return made.id


async def live(at: Counter, connection_id: str) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in (await at.kept(connection_id)).fields.items()}


async def rotate(at: Counter, connection_id: str, credential: Any, **fields: Any) -> int:
    """The version after a rotation."""
    asked = RotateCredential(connection_id=connection_id, credential=credential, **fields)
    return (await at.running.person.call(asked)).credential_version


async def undo(at: Counter, connection_id: str) -> int:
    return (await at.running.person.call(UndoCredential(connection_id=connection_id))).credential_version


async def test_a_new_secret_takes_the_place_of_the_old_one_which_comes_back(at: Counter) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    assert await rotate(at, connection_id, NEW) == 2
    assert await live(at, connection_id) == {"value": NEW}
    assert await undo(at, connection_id) == 3
    assert await live(at, connection_id) == {"value": TOKEN}
    assert await undo(at, connection_id) == 4
    assert await live(at, connection_id) == {"value": NEW}, "going back loses nothing"
    actions = [entry.action for entry in (await at.running.person.call(ListAudit(limit=20))).entries]
    assert [action for action in actions if action.startswith("credential.")] == [
        "credential.undo",
        "credential.undo",
        "credential.rotate",
    ]


async def test_only_the_last_secret_is_kept(at: Counter) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    await rotate(at, connection_id, NEW)
    await rotate(at, connection_id, NEWER)
    await undo(at, connection_id)
    assert await live(at, connection_id) == {"value": NEW}


async def test_there_is_nothing_to_go_back_to_at_first(at: Counter) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    with pytest.raises(Conflict):
        await undo(at, connection_id)
    (kept,) = (await at.running.person.call(ListCredentials())).items
    assert (kept.has_previous, kept.source, kept.expires_at) == (False, "typed", None)


async def test_a_call_goes_out_with_the_new_secret_and_an_echo_of_the_old_one_is_found(at: Counter) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    at.upstream.token = NEW
    await rotate(at, connection_id, NEW)
    verified = await at.running.person.call(VerifyConnection(connection_id=connection_id))
    assert verified.status == "passed"
    core = at.core
    renewals: Any = core.pipeline._delivery._credentials._renewer  # type: ignore[attr-defined]
    opening = Credentials(core.database, core.vault, at.running.system, renewals)
    connection = await core.database.read(lambda tx: services.get_rule(tx, connection_id))
    scrubber = (await opening.open(connection)).scrubber
    assert [scrubber.clean(secret.encode())[1] for secret in (TOKEN, NEW)] == [True, True]


async def test_a_secret_for_a_custom_service_is_rotated_too(at: Counter) -> None:
    connection = await at.running.connect(at.upstream)
    await rotate(at, connection.id, NEW)
    assert await live(at, connection.id) == {"value": NEW}
    await undo(at, connection.id)
    assert await live(at, connection.id) == {"value": TOKEN}


async def test_what_waits_for_a_call_with_the_old_secret_falls(at: Counter) -> None:
    made = await at.begin(oauth_token=TOKEN)
    assert made.connection is not None
    agent = await at.running.agent("helper", made.connection)
    async with at.running.http(await at.running.key(agent_id=agent.id)) as http:
        call = {"service": SHOP, "method": "POST", "url": f"{at.upstream.base_url}/things", "body": {"n": 1}}
        held = decoded(await http.post("/v1/proxy", json=call))
    approval_id = held["error"]["details"]["approval_id"]
    asked = RotateCredential(connection_id=made.connection.id, credential=NEW)
    assert (await at.running.person.call(asked)).ended_approvals == 1
    assert (await at.running.person.call(GetIntentApproval(approval_id=approval_id))).status == "expired"


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "credential"),
    "a field that is not one": ({"value": NEW, "more": NEW}, "credential"),
    "what cannot be sent": ("a\nb-c-d-e-f", "credential.value"),
}


@pytest.mark.parametrize(("credential", "field"), REFUSED.values(), ids=REFUSED)
async def test_a_secret_that_is_none_changes_nothing(at: Counter, credential: Any, field: str) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    with pytest.raises(InvalidRequest) as refused:
        await rotate(at, connection_id, credential)
    assert refused.value.details["field"] == field
    assert await live(at, connection_id) == {"value": TOKEN}


async def test_a_secret_in_another_form_is_rotated_in_only_on_a_persons_word(at: Counter) -> None:
    credential = {"username": "me@acme.example", "password": "tnt_12345678"}
    part = {"placeholders": {"subdomain": "acme"}}
    connection_id = await connected(at, service_id=TENANT, credential=credential, **part)
    other = {**credential, "password": "another-form-1"}
    with pytest.raises(InvalidRequest):
        await rotate(at, connection_id, other)
    assert await rotate(at, connection_id, other, confirm_format=True) == 2


async def test_a_log_in_is_not_rotated_by_typing(at: Counter) -> None:
    await at.log_in()
    (connection,) = (await at.running.person.call(ListConnections())).items
    with pytest.raises(Conflict):
        await rotate(at, connection.id, NEW)


async def test_a_key_is_rotated_and_its_next_token_is_still_to_be_had(at: Counter) -> None:
    fields = {"app_id": "12345", "installation_id": "678", "private_key": pem()}
    connection_id = await connected(at, credential=fields)
    other = {**fields, "private_key": pem(rsa_key(3072))}
    await rotate(at, connection_id, other)
    kept = await at.kept(connection_id)
    assert kept.renewal is not None
    assert (kept.fields, dict(kept.renewal.fields)["private_key"]) == ({}, Secret(other["private_key"]))
    for bad in ({**fields, "private_key": "no key"}, {"app_id": "1"}):
        with pytest.raises(InvalidRequest):
            await rotate(at, connection_id, bad)
    await undo(at, connection_id)
    back = await at.kept(connection_id)
    assert back.renewal is not None
    assert dict(back.renewal.fields)["private_key"] == Secret(fields["private_key"])


async def test_a_log_in_that_replaced_another_gives_the_other_back_with_what_renews_it(at: Counter) -> None:
    await at.log_in()
    (connection,) = (await at.running.person.call(ListConnections())).items
    first = await at.kept(connection.id)
    await at.log_in(connection_id=connection.id)
    assert (await at.kept(connection.id)).renewal != first.renewal
    await undo(at, connection.id)
    assert await at.kept(connection.id) == first


async def bound(at: Counter, connection_id: str) -> Connection:
    hosts = [at.upstream.host_port, "files.example.com"]
    return await at.running.person.call(BindConnectionHosts(connection_id=connection_id, hosts=hosts))


async def test_everything_moves_with_the_hosts(at: Counter) -> None:
    await at.log_in()
    (connection,) = (await at.running.person.call(ListConnections())).items
    first = await at.kept(connection.id)
    await at.log_in(connection_id=connection.id)
    second = await at.kept(connection.id)
    await bound(at, connection.id)
    assert await at.kept(connection.id) == second
    await undo(at, connection.id)
    assert await at.kept(connection.id) == first


async def test_what_was_sealed_for_other_hosts_does_not_open(at: Counter) -> None:
    connection_id = await connected(at, oauth_token=TOKEN)
    before = await at.core.database.read(lambda tx: services.get_credential(tx, connection_id))
    await bound(at, connection_id)
    after = await at.core.database.read(lambda tx: services.get_credential(tx, connection_id))
    key = at.core.vault.credential_key()
    with pytest.raises(Unavailable):
        key.open(after.place, before.sealed)
