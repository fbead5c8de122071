"""The story that the demo tells: a yes, a repeat, a no, and what is left of the agent's access afterwards."""

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from stack_local.demo.agent import Agent, Mind
from stack_local.demo.decider import Decider, Verdict
from stack_local.demo.errands import AGAIN, ARCHIVE, GO_ON, PROXY, READ, SEND, SERVICE, WAITING, Errand
from stack_local.demo.narration import Check, Narrator
from stack_local.demo.sample_upstream import Received, SampleUpstream
from stack_local.demo.throwaway import Throwaway
from stack_local.demo.transcript import files_with, forms_found
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.audit import VerifyAuditChain
from stack_local.wire.keys import CreateKey
from stack_local.wire.passports import ListActivePassports
from stack_local.wire.services import ConnectCustomService

MAX_RETURNS = 200
"""How often the agent is told to go on while nobody decides: over an hour."""

CREDENTIAL_BYTES = 24
SHOWN_CHARACTERS = 4


def new_credential(system: System) -> Secret:
    """What the sample service demands: another one on each run, with characters that encodings change."""
    return Secret("demo+" + base64.b64encode(system.random_bytes(CREDENTIAL_BYTES)).decode())


@dataclass(frozen=True, slots=True)
class Cast:
    """The agent as the appliance knows it."""

    agent_id: str
    api_key: str


async def prepare(house: Throwaway, upstream: SampleUpstream) -> Cast:
    """As the person: connect the service, register the agent, grant it the service, mint it a key."""
    await house.hold_session()
    person = house.person
    credential = SecretStr(upstream.credential.reveal())
    connection = await person.call(
        ConnectCustomService(name=SERVICE.removeprefix("custom_"), credential=credential, hosts=[upstream.host_port])
    )
    agent = await person.call(RegisterAgent(name="deploy-bot"))
    await person.call(
        GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
    )
    key = await person.call(CreateKey(agent_id=agent.id, label="demo"))
    return Cast(agent.id, key.api_key.get_secret_value())


class Story:
    """Told once. `checks` is what held and what did not, `step` how far it came."""

    def __init__(
        self, house: Throwaway, upstream: SampleUpstream, cast: Cast, agent: Agent, mind: Mind, decider: Decider
    ) -> None:
        self._house = house
        self._upstream = upstream
        self._cast = cast
        self._agent = agent
        self._mind = mind
        self._decider = decider
        self.checks: list[Check] = []
        self.step = "the beginning"

    async def tell(self, narrator: Narrator, directory: Path) -> None:
        """All of it. `directory` is where everything of this demo was written."""
        for heading, act in (
            ("1. The agent asks for a write, and a person says yes", self._approved),
            ("2. It asks for the same again, on the same approval", self._repeated),
            ("3. It asks for another write, and a person says no", self._rejected),
            ("4. It goes on trying", self._refused),
        ):
            self.step = heading
            narrator.heading(heading)
            await act(narrator)
        self.step = "the examination at the end"
        self._show_received(narrator)
        self._search(directory)
        await self._verify_chain()
        narrator.heading("What held")
        for check in self.checks:
            narrator.check(check)

    async def _approved(self, narrator: Narrator) -> None:
        await self._ask(narrator, SEND, "approve")
        sent = self._upstream.received[:1]
        self._check("The approved message went out once, and the service accepted it.", self._sent_once(sent))
        call = self._latest_call()
        echo_is_gone = call.get("redacted") is True and not forms_found(
            self._upstream.credential, str(call.get("body")).encode()
        )
        self._check("The service echoed its credential; the echo was removed.", echo_is_gone)

    def _sent_once(self, sent: list[Received]) -> bool:
        is_as_approved = [(request.method, request.path) for request in sent] == [(SEND.method, SEND.path)]
        return is_as_approved and sent[0].is_authorized and self._upstream.writes == 1

    async def _repeated(self, narrator: Narrator) -> None:
        await self._ask(narrator, AGAIN)
        is_stored = self._latest_call().get("replayed") is True and self._upstream.writes == 1
        self._check("The repeated call got the stored answer; nothing went out.", is_stored)

    async def _rejected(self, narrator: Narrator) -> None:
        before = len(self._upstream.received)
        answer = await self._ask(narrator, ARCHIVE, "reject")
        self._check("The second write was rejected.", "rejected" in answer)
        self._check("It never reached the service.", len(self._upstream.received) == before)
        await self._house.hold_session()
        live = await self._house.person.call(ListActivePassports(agent_id=self._cast.agent_id))
        if not live.items:
            narrator.line("appliance", "revokes the agent's passport with the no")
        self._check("The rejection revoked the agent's passport.", not live.items)

    async def _refused(self, narrator: Narrator) -> None:
        before = len(self._upstream.received)
        answer = await self._ask(narrator, READ)
        is_refused = "PASSPORT_REVOKED" in answer and len(self._upstream.received) == before
        self._check("Its next call was refused: PASSPORT_REVOKED.", is_refused)

    async def _ask(self, narrator: Narrator, errand: Errand, verdict: Verdict | None = None) -> str:
        """Tell the agent something, and see to it that a person decides meanwhile."""
        narrator.line("user", errand.words)
        async with asyncio.TaskGroup() as group:
            deciding = None if verdict is None else group.create_task(self._decider.decide(verdict))
            answer = await self._agent.ask(errand.words)
            for _ in range(MAX_RETURNS):
                if answer != WAITING:
                    break
                answer = await self._agent.ask(GO_ON)
            if deciding is not None:
                deciding.cancel()
        narrator.line("agent", answer)
        return answer

    def _latest_call(self) -> dict[str, object]:
        calls = [dict(result.tree) for result in self._mind.results if result.tool == PROXY]
        return dict(calls[-1]) if calls else {}

    def _show_received(self, narrator: Narrator) -> None:
        shown = self._upstream.credential.reveal()[:SHOWN_CHARACTERS]
        narrator.heading("What the service saw")
        for request in self._upstream.received:
            matches = f"yes ({shown}…)" if request.is_authorized else "no"
            narrator.line("request", f"{request.method} {request.path}")
            narrator.line("", f"Authorization matches: {matches}")
            narrator.line("", request.body)

    def _search(self, directory: Path) -> None:
        transcript, credential = self._mind.transcript, self._upstream.credential
        found = forms_found(credential, transcript.text.encode())
        size = f"{len(transcript)} entries, {len(transcript.text) // 1000} kB"
        place = f" (found: {', '.join(found)})" if found else ""
        self._check(
            f"The agent's transcript ({size}) does not hold the credential: not plain, base64, hex or percent.{place}",
            not found and len(transcript) > 0,
        )
        files = files_with(credential, directory)
        named = f" (found in: {', '.join(files)})" if files else ""
        self._check(f"Neither do the vault's files and the log.{named}", not files)

    async def _verify_chain(self) -> None:
        verdict = await self._house.person.call(VerifyAuditChain())
        self._check(f"The audit chain verifies: {verdict.checked} records.", verdict.ok and verdict.checked > 0)

    def _check(self, words: str, held: bool) -> None:
        self.checks.append(Check(words, held))
