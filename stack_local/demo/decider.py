"""The person's part, where nobody sits at the screen: after a pause, through an operator session."""

import asyncio
from typing import Literal

from stack_local.demo.narration import Narrator
from stack_local.demo.throwaway import Throwaway
from stack_local.wire.intents import ApproveIntent, ExactCall, IntentApproval, ListIntents, RejectIntent

Verdict = Literal["approve", "reject"]

PAUSE_SECONDS = 2.0
"""How long a request is left on the reader's screen before it is decided."""


class Decider:
    """Decides the oldest thing that waits, as the story wants it, once it is its turn."""

    def __init__(
        self,
        house: Throwaway,
        narrator: Narrator,
        screen_is_left: asyncio.Event,
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """`screen_is_left` is set once no person is at the screen."""
        self._house = house
        self._narrator = narrator
        self._screen_is_left = screen_is_left
        self._pause_seconds = pause_seconds

    async def decide(self, verdict: Verdict) -> None:
        """Wait for a request and decide it."""
        await self._screen_is_left.wait()
        await self._house.hold_session()
        async for _ in self._house.person.watch():
            waiting = (await self._house.person.call(ListIntents())).items
            if waiting:
                await asyncio.sleep(self._pause_seconds)
                return await self._say(waiting[0], verdict)
        return None

    async def _say(self, asked: IntentApproval, verdict: Verdict) -> None:
        assert asked.call is not None
        if verdict == "approve":
            self._narrator.line("person", f"approves exactly this: {exactly(asked.call)}")
            await self._house.person.call(ApproveIntent(approval_id=asked.id, digest=asked.call.digest))
            return
        self._narrator.line("person", f"rejects this: {exactly(asked.call)}")
        await self._house.person.call(RejectIntent(approval_id=asked.id, notes="not in this demo"))


def exactly(call: ExactCall) -> str:
    """The call as a person reads it."""
    return f"{call.method} {call.path} on {call.label} with {call.body}"
