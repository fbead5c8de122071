"""One performance of the story: service, appliance and agent are set up, the story is told, and all is taken down."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from stack_local.demo.agent import Agent, Mind, OpenAgent
from stack_local.demo.decider import PAUSE_SECONDS, Decider
from stack_local.demo.narration import Check, Narrator
from stack_local.demo.sample_upstream import SampleUpstream
from stack_local.demo.story import SHOWN_CHARACTERS, Story, new_credential, prepare
from stack_local.demo.throwaway import Throwaway, throwaway
from stack_local.demo.transcript import Transcript
from stack_local.system import RealSystem
from stack_local.vault.profiles import Profile


class Performance:
    """What it needs. `screen_is_left` is set where, or as soon as, nobody is at a screen."""

    def __init__(self, directory: Path, profile: Profile, narrator: Narrator, *, pause_seconds: float = PAUSE_SECONDS):
        self._directory = directory
        self._profile = profile
        self._narrator = narrator
        self._pause_seconds = pause_seconds
        self.screen_is_left = asyncio.Event()

    async def run(self, open_agent: OpenAgent, opened: Callable[[Throwaway], None] = lambda house: None) -> list[Check]:
        """Every check of the story; `opened` hears when the appliance answers.

        Raises:
            StackError: the story broke off (in a group); where, was said.
        """
        upstream = SampleUpstream(new_credential(RealSystem()))
        async with upstream.serve(), throwaway(self._directory, self._profile) as house:
            cast = await prepare(house, upstream)
            mind = Mind(Transcript(), self._narrator.tool)
            async with open_agent(house.mcp_url, cast.api_key, mind) as agent:
                self._introduce(house, upstream, agent)
                opened(house)
                decider = Decider(house, self._narrator, self.screen_is_left, pause_seconds=self._pause_seconds)
                checks = await self._told(Story(house, upstream, cast, agent, mind, decider))
                # The person may want to look at the log and the passports first.
                await self.screen_is_left.wait()
                return checks

    async def _told(self, story: Story) -> list[Check]:
        is_told = False
        try:
            await story.tell(self._narrator, self._directory)
            is_told = True
        finally:
            if not is_told:
                self._narrator.heading(f"The demo broke off at: {story.step}")
        return story.checks

    def _introduce(self, house: Throwaway, upstream: SampleUpstream, agent: Agent) -> None:
        shown = upstream.credential.reveal()[:SHOWN_CHARACTERS]
        say = self._narrator.line
        self._narrator.heading("stack_local demo: a throw-away vault, a sample service, a real agent")
        say("vault", f"in {self._directory}, removed at the end")
        say("service", f"a chat at {upstream.host_port}; it demands a bearer credential ({shown}…)")
        say("appliance", f"{house.mcp_url}; it alone holds the credential")
        say("agent", f"{agent.kind}; it holds no credential")


def find_agent() -> OpenAgent:
    """The SDK's agent where the SDK is installed (it is in no release), else one on the bare MCP client."""
    if find_spec("agents") is not None and find_spec("openai") is not None:
        from stack_local.demo import openai_agent

        return openai_agent.open_agent
    from stack_local.demo import plain_agent

    return plain_agent.open_agent
