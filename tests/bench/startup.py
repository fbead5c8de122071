"""From the start of the process to the first healthy answer, sealed, and to an unlocked vault."""

import random
import socket
import time
from dataclasses import dataclass
from statistics import median

from tests.bench.processes import command, resident_mebibytes, started
from tests.bench.world import Home, served, wait_until_healthy

ROUNDS = 5


@dataclass(frozen=True)
class Startup:
    """Medians."""

    healthy_seconds: float
    unlocked_seconds: float
    worst_healthy_seconds: float
    resident_mebibytes: float


def measure(home: Home) -> Startup:
    """Both kinds of start, in random order."""
    _healthy(home)  # the first start compiles
    order = [True, False] * ROUNDS
    random.shuffle(order)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    resident = []
    for is_sealed in order:
        if is_sealed:
            taken, used = _healthy(home)
            resident.append(used)
        else:
            taken = _unlocked(home)
        seconds[is_sealed].append(taken)
    return Startup(median(seconds[True]), median(seconds[False]), max(seconds[True]), median(resident))


def _healthy(home: Home) -> tuple[float, float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.perf_counter()
    with started(command("serve", "--port", str(port)), environment=home.environment) as process:
        wait_until_healthy(port)
        return time.perf_counter() - began, resident_mebibytes(process.pid)


def _unlocked(home: Home) -> float:
    """The ready file is written once the passphrase has opened the vault."""
    began = time.perf_counter()
    with served(home):
        return time.perf_counter() - began
