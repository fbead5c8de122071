"""How many calls are under way for whom."""

import threading
from collections import Counter


class AtOnce:
    """How many calls each agent has under way; counted up in the writer's thread and down on the loop."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, agent_id: str) -> int:
        """Calls of one agent under way."""
        return self._calls[agent_id]

    def add(self, agent_id: str, step: int) -> None:
        """One more or one less."""
        with self._lock:
            self._calls[agent_id] += step
