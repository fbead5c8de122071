"""`python -m tests.bench`: everything in one run, on this machine, in a folder that is thrown away."""

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import aims, calls, commits, proxies, screen, startup, tokens, world
from tests.bench.processes import Server, module, resident_mebibytes


def main() -> None:
    """Measure and print, part after part."""
    options = _options()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores", end="")
    print(f", load average {os.getloadavg()[0]:.1f} before the first part")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(module("upstream"))
        reached = _calls(folder, upstream, options)
        reached += _proxies(folder, upstream, options)
        _show("What tools/list costs an agent", tokens.lines())
        _show("Durable audit records, alone and grouped", commits.lines(commits.measure(folder)))
        reached += _startup(folder)
        reached += _screen(folder, upstream, options)
    _show("Aims", [aim.line for aim in reached])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of every comparison; medians are shown")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    return parser.parse_args()


def _new_home(folder: Path, name: str) -> world.Home:
    path = folder / name
    path.mkdir()
    return world.make_home(path)


def _calls(folder: Path, upstream: Server, options: argparse.Namespace) -> list[aims.Aim]:
    home = _new_home(folder, "calls")
    with module("forwarder") as forwarder, module("bare") as bare, world.served(home) as appliance:
        keys = world.populate(appliance.admin_socket, upstream.port)
        chosen = calls.subjects(appliance.server, upstream, forwarder, bare, keys)
        results = calls.measure(chosen, upstream, rounds=options.rounds, seconds=options.seconds)
        resident = resident_mebibytes(appliance.server.pid)
    by_subject = {(subject.name, count): results[subject.name, count] for subject in chosen for count in calls.CALLERS}
    _show("Calls through a process, its CPU per call beside wall time", calls.lines(by_subject))
    print(f"the appliance without a screen, after this load: {resident:.0f} MiB")
    return aims.of_calls(results)


def _proxies(folder: Path, upstream: Server, options: argparse.Namespace) -> list[aims.Aim]:
    home = _new_home(folder, "proxies")
    with module("forwarder") as forwarder, module("bare") as bare, world.served(home) as appliance:
        keys = world.populate(appliance.admin_socket, upstream.port)
        with proxies.mitmproxy(upstream.port, folder) as other:
            beside = proxies.Beside(upstream, bare, forwarder, other)
            results = proxies.measure(appliance.server, beside, keys, rounds=options.rounds, seconds=options.seconds)
    for title, lines in proxies.tables(results):
        _show(title, lines)
    return aims.of_proxies(results)


def _startup(folder: Path) -> list[aims.Aim]:
    seen = startup.measure(_new_home(folder, "startup"))
    lines = [
        f"to the first healthy answer, sealed   {seen.healthy_seconds:.2f} s (worst {seen.worst_healthy_seconds:.2f})",
        f"to unlocked, by passphrase            {seen.unlocked_seconds:.2f} s",
        f"memory, sealed and idle               {seen.resident_mebibytes:.0f} MiB",
    ]
    _show("Start-up", lines)
    return aims.of_startup(seen)


def _screen(folder: Path, upstream: Server, options: argparse.Namespace) -> list[aims.Aim]:
    gap = screen.find_gap()
    if gap is not None:
        _show("The screen", [f"NOT MEASURED: {gap}"])
        return []
    seen = screen.measure(_new_home(folder, "screen"), upstream, seconds=options.seconds)
    lines = [
        f"key to paint, no load                 p50 {seen.idle_p50:.0f} ms, p95 {seen.idle_p95:.0f} ms",
        f"key to paint, {screen.CALLERS} callers              p50 {seen.loaded_p50:.0f} ms, "
        f"p95 {seen.loaded_p95:.0f} ms",
        f"REST reads, terminal read             {seen.drained.calls / seen.drained.wall_seconds:.0f}/s, "
        f"p50 {seen.drained.p50_ms:.1f} ms, p99 {seen.drained.p99_ms:.1f} ms",
        f"REST reads, terminal stalled          {seen.stalled.calls / seen.stalled.wall_seconds:.0f}/s, "
        f"p50 {seen.stalled.p50_ms:.1f} ms, p99 {seen.stalled.p99_ms:.1f} ms",
        f"memory, with the screen               {seen.resident_mebibytes:.0f} MiB",
    ]
    _show("The screen and the server in one process", lines)
    return aims.of_screen(seen)


def _show(title: str, lines: Sequence[str]) -> None:
    print(f"\n{title}", *lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
