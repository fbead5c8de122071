"""Once a service is disconnected its tokens are taken back at the service, as far as that can be done."""

from pathlib import Path

from stack_local.operations.taking_back import PAUSE_SECONDS, TRY_MINUTES
from stack_local.store import connecting as store
from stack_local.wire.audit import ListAudit
from stack_local.wire.services import DisconnectService, ListConnections
from tests.conftest import TOKEN
from tests.simulators.shop import Counter, open_shop


async def disconnected(at: Counter) -> None:
    """What was connected is not any more."""
    (connection,) = (await at.running.person.call(ListConnections())).items
    await at.running.person.call(DisconnectService(connection_id=connection.id))


async def outcomes(at: Counter) -> list[str]:
    entries = (await at.running.person.call(ListAudit(limit=50))).entries
    return [str(entry.outcome) for entry in entries if entry.action == "credential.revoke"]


async def is_planned(at: Counter) -> bool:
    """Whether anything is still to be told."""
    row = await at.core.database.read(lambda tx: tx.find("SELECT 1 FROM revocations"))
    return row is not None


async def test_the_service_is_told_of_the_refresh_token_and_what_held_it_is_gone(at: Counter) -> None:
    await at.log_in()
    await disconnected(at)
    assert (at.server.revoked, await is_planned(at)) == ([], True)
    await at.stepped()
    assert at.server.revoked == at.server.refresh_tokens
    assert (await is_planned(at), await outcomes(at)) == (False, ["success"])


async def test_a_typed_token_is_nobodys_to_take_back(at: Counter) -> None:
    await at.begin(oauth_token=TOKEN)
    await disconnected(at)
    assert not await is_planned(at)


async def test_a_service_without_an_address_for_it_is_not_told(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as at:
        template = at.core.plugins.templates["demo_shop"]
        assert template.oauth is not None
        oauth = template.oauth.model_copy(update={"revocation_url": None})
        at.core.plugins.templates["demo_shop"] = template.model_copy(update={"oauth": oauth})
        await at.log_in()
        await disconnected(at)
        await at.stepped()
        assert (at.server.revoked, await is_planned(at), await outcomes(at)) == ([], False, [])


async def test_a_service_that_cannot_be_reached_is_told_again_and_then_let_be(at: Counter) -> None:
    await at.log_in()
    await disconnected(at)
    port, at.server.port = at.server.port, 1
    await at.stepped()
    await at.stepped(seconds=PAUSE_SECONDS - 1)
    asked = len([request for request in at.wire.asked if request.url.raw_path == "/revoke"])
    assert (asked, await is_planned(at)) == (1, True)
    at.server.port = port
    await at.stepped(seconds=1)
    assert at.server.revoked == at.server.refresh_tokens


async def test_what_is_told_too_late_is_gone_here_all_the_same(at: Counter) -> None:
    await at.log_in()
    await disconnected(at)
    at.server.port = 1
    await at.stepped(seconds=60 * TRY_MINUTES)
    assert not await is_planned(at)
    assert await outcomes(at) == ["failure"]


async def test_a_vault_that_is_locked_tells_it_later(at: Counter) -> None:
    await at.log_in()
    await disconnected(at)
    at.core.vault.lock()
    await at.stepped()
    assert at.server.revoked == []
    row = await at.core.database.read(lambda tx: store.find_revocation(tx, at.running.system.now()))
    assert row is not None
