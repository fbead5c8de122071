"""An agent as the demo sees it: it is told something in words, and answers when it is done or stuck."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from stack_local.demo.errands import Result, Step, Turn, next_step
from stack_local.demo.transcript import Transcript


class Agent(Protocol):
    """Whoever does the errands."""

    @property
    def kind(self) -> str:
        """What it is made of, for the reader."""
        ...

    async def ask(self, words: str) -> str:
        """Its answer, when it is done or stuck.

        Raises:
            Unavailable: the agent broke off.
        """
        ...


class Mind:
    """The stand-in for a hosted model. It tells the demo each tool's answer, and keeps the transcript."""

    def __init__(self, transcript: Transcript, tell: Callable[[Result], None]) -> None:
        self.transcript = transcript
        self.results: list[Result] = []
        self._tell = tell

    def next(self, turns: Sequence[Turn]) -> Step:
        """What to do now."""
        if isinstance(turns[-1], Result):
            self.results.append(turns[-1])
            self._tell(turns[-1])
        return next_step(turns)


OpenAgent = Callable[[str, str, Mind], AbstractAsyncContextManager[Agent]]
"""From the appliance's MCP address, a bearer and a mind to a connected agent."""
