"""An approval through time: what waiting pauses, what a refresh keeps, when a session is over."""

from stack_local.wire.intents import ApproveIntent, GetIntentApproval
from tests.conftest import decoded
from tests.e2e.scene import MINUTE, Scene, unlock

# -- the clock ---------------------------------------------------------------------------------------------------------


async def test_a_yes_after_fourteen_minutes_is_good_through_a_refresh(scene: Scene) -> None:
    """On default settings: the checkpoint is after five minutes, the passport's end after fifteen."""
    issued = await scene.passport()
    bearer = issued.token.get_secret_value()
    held = await scene.proxy(scene.write(), bearer)
    approval_id = decoded(held)["error"]["details"]["approval_id"]
    scene.running.system.advance(14 * MINUTE)
    await unlock(scene.running)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert row.call is not None
    await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest=row.call.digest))
    refreshed = await scene.http.post("/v1/passports/refresh", json={"token": bearer})
    assert refreshed.status_code == 200, refreshed.text
    fresh = decoded(refreshed)["token"]
    assert (await scene.proxy(scene.write(approval_id=approval_id), bearer)).status_code == 401
    done = await scene.proxy(scene.write(approval_id=approval_id), fresh)
    assert (done.status_code, decoded(done)["status"]) == (200, 201)
    assert scene.upstream.effects == 1


async def test_the_same_yes_is_good_through_the_keys_own_passport(scene: Scene) -> None:
    """A key that stands for one agent holds no token: the appliance refreshes for it."""
    approval_id = await scene.asked()
    scene.running.system.advance(14 * MINUTE)
    await unlock(scene.running)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert row.call is not None
    await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest=row.call.digest))
    scene.running.system.advance(14 * MINUTE)
    done = await scene.proxy(scene.write(approval_id=approval_id))
    assert (done.status_code, decoded(done)["status"]) == (200, 201)


async def test_waiting_for_a_person_stops_the_checkpoint_clock_and_no_other(scene: Scene) -> None:
    waiting, idle = await scene.passport(), await scene.passport()
    assert (await scene.proxy(scene.write(), waiting.token.get_secret_value())).status_code == 403
    scene.running.system.advance(6 * MINUTE)
    assert (await scene.proxy(scene.read(), waiting.token.get_secret_value())).status_code == 200
    assert (await scene.proxy(scene.read(), idle.token.get_secret_value())).status_code == 401
    scene.running.system.advance(60 * MINUTE)
    assert (await scene.proxy(scene.read(), waiting.token.get_secret_value())).status_code == 401


async def test_a_passport_is_not_refreshed_after_its_session(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(24 * 60 * MINUTE + 1)
    await unlock(scene.running)
    answer = await scene.http.post("/v1/passports/refresh", json={"token": issued.token.get_secret_value()})
    await scene.refused(answer, 401, "PASSPORT_EXPIRED")
