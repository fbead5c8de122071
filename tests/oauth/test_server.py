"""The authorization server from the outside: a client logs in, refreshes, and is thrown out."""

from stack_local.wire.agents import ListAgents
from stack_local.wire.consents import ListConsents, RevokeConsent
from tests.conftest import Running, decoded
from tests.oauth.flow import Login, answer_of


async def listed_tools(running: Running, bearer: str) -> int:
    async with running.http(bearer) as http:
        response = await http.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
            headers={"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"},
        )
        return response.status_code


async def test_a_client_logs_in_and_calls(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert await listed_tools(appliance, tokens["access_token"]) == 200
    consents = await appliance.person.call(ListConsents())
    agents = await appliance.person.call(ListAgents())
    assert [consent.agent_id for consent in consents.items] == [agent.id for agent in agents.items]


async def test_the_answer_to_the_client_names_its_issuer_and_gives_the_state_back(login: Login) -> None:
    await login.register()
    await login.open(state="a b/ä"[:3])
    await login.press("ask")
    await login.press("refuse")
    answer = answer_of(await login.look())
    assert answer["error"] == "access_denied"
    assert answer["iss"] == login.running.base_url
    assert answer["state"] == "a b"


async def test_a_revoked_consent_ends_its_tokens_at_once(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    consent = (await appliance.person.call(ListConsents())).items[0]
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    assert await listed_tools(appliance, tokens["access_token"]) == 401
    response = await login.refresh(tokens["refresh_token"])
    assert (response.status_code, decoded(response)["error"]) == (400, "invalid_grant")


async def test_a_refresh_token_is_rotated_and_its_use_is_answered_alike_for_half_a_minute(
    appliance: Running, login: Login
) -> None:
    first = await login.tokens()
    second = decoded(await login.refresh(first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert decoded(await login.refresh(first["refresh_token"])) == second
    appliance.system.advance(seconds=31)
    assert decoded(await login.refresh(first["refresh_token"]))["error"] == "invalid_grant"
    assert decoded(await login.refresh(second["refresh_token"]))["error"] == "invalid_grant"


async def test_a_code_that_was_burnt_leaves_no_consent_behind(appliance: Running, login: Login) -> None:
    await login.register()
    await login.open()
    response = await login.token(code=await login.allow(), code_verifier="w" * 43)
    assert decoded(response)["error"] == "invalid_grant"
    appliance.system.advance(seconds=601)
    await appliance.appliance.authorization_server().sweep()
    assert (await appliance.person.call(ListConsents())).items == []
