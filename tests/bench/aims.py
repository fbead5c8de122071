"""The aims of the bench, each with what was measured. An aim that is missed is said, and fails nothing."""

from dataclasses import dataclass

from tests.bench.calls import Results
from tests.bench.screen import ScreenFigures
from tests.bench.startup import Startup


@dataclass(frozen=True)
class Aim:
    """One bar."""

    words: str
    measured: float
    most: float

    @property
    def line(self) -> str:
        """How it stands."""
        verdict = "met   " if self.measured <= self.most else "MISSED"
        return f"{verdict}  {self.words}: {self.measured:.2f} (aim: at most {self.most:g})"


def of_calls(results: Results) -> list[Aim]:
    """REST governed read beside the two alternatives."""
    read, forwarder, bare = (results[name, 16] for name in ("rest read", "forwarder", "bare"))
    alone, forwarder_alone = results["rest read", 1], results["forwarder", 1]
    return [
        Aim(
            "CPU of a REST read to the forwarder's, 16 callers",
            read.cpu_microseconds / forwarder.cpu_microseconds,
            0.25,
        ),
        Aim(
            "CPU of a REST read to bare ASGI plus client, 16 callers", read.cpu_microseconds / bare.cpu_microseconds, 2
        ),
        Aim("p50 of a REST read to the forwarder's, 1 caller", alone.p50_ms / forwarder_alone.p50_ms, 1.5),
    ]


def of_proxies(results: Results) -> list[Aim]:
    """Governed calls beside a proxy that puts a header in, and the floor of our stack. None without mitmproxy."""
    if ("mitmproxy", 1) not in results:
        return []
    return [aim for name in ("/p/ read", "rest read") for aim in _beside(results, name)]


def _beside(results: Results, name: str) -> list[Aim]:
    ours, other, bare = (results[subject, 32].cpu_microseconds for subject in (name, "mitmproxy", "bare"))
    alone, other_alone = results[name, 1].p50_ms, results["mitmproxy", 1].p50_ms
    return [
        Aim(f"CPU of {name} to mitmproxy's, 32 callers", ours / other, 0.45),
        Aim(f"CPU of {name} to bare ASGI plus client, 32 callers", ours / bare, 2.5),
        Aim(f"p50 of {name} to mitmproxy's, 1 caller", alone / other_alone, 1),
    ]


def of_startup(startup: Startup) -> list[Aim]:
    """Until healthy."""
    return [Aim("seconds to the first healthy answer, sealed", startup.healthy_seconds, 1.2)]


def of_screen(screen: ScreenFigures) -> list[Aim]:
    """Memory, keys, and a terminal nobody reads."""
    drained = screen.drained.calls / screen.drained.wall_seconds
    stalled = screen.stalled.calls / screen.stalled.wall_seconds
    return [
        Aim("MiB of memory with the screen, after load", screen.resident_mebibytes, 160),
        Aim("ms from key to paint under load, p95", screen.loaded_p95, 100),
        Aim("calls/s with the terminal read to those with it stalled", drained / stalled, 1.1),
    ]
