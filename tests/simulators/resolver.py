"""A resolver that answers from a table and counts: each lookup of a name takes its next answer, the last repeats."""

from dataclasses import dataclass, field

from stack_local.egress.errors import EgressFailed


@dataclass
class TableResolver:
    """Answers by name; a name that is not in the table does not resolve."""

    answers: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)

    async def lookup(self, host: str, port: int) -> tuple[str, ...]:
        self.lookups.append(host)
        if host not in self.answers:
            raise EgressFailed("the name does not resolve", code="dns_failed", sent=False)
        series = self.answers[host]
        return series[min(self.lookups.count(host), len(series)) - 1]
