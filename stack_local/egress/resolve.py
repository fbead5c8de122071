"""From a host to the one address we connect to: looked up once, every answer checked."""

import asyncio
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from stack_local.domain.urls import DEFAULT_PORTS, HostPort, is_ip_literal
from stack_local.egress import limits
from stack_local.egress.addresses import NAMEABLE, is_metadata, refusal
from stack_local.egress.errors import EgressFailed, EgressRefused

REFUSED_SUFFIXES = frozenset(
    {"localhost", "local", "internal", "onion", "test", "invalid", "example", "localdomain", "lan", "home", "corp"}
)
"""Last labels that never name a public server."""

_MAIL_AND_CHAT = frozenset({110, 119, 143, 465, 587, 993, 995, 6667})
_SHELLS_AND_SHARES = frozenset(
    {111, 135, 137, 138, 139, 389, 445, 512, 513, 514, 631, 636, 873, 2049, 3389, 5900, 6000}
)
_DATABASES_AND_QUEUES = frozenset({1433, 1521, 3306, 5432, 5984, 6379, 9042, 9092, 9200, 9300, 11211, 27017})
_CONTAINERS = frozenset({2375, 2376, 2379, 2380, 10250})

REFUSED_PORTS = frozenset(range(80)) | _MAIL_AND_CHAT | _SHELLS_AND_SHARES | _DATABASES_AND_QUEUES | _CONTAINERS
"""Ports of mail, shells, shares, databases and machine rooms: an HTTPS request has no business there."""


class Resolver(Protocol):
    """Looks up names; tests hand in a table."""

    async def lookup(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of the host.

        Raises:
            EgressFailed: `dns_failed` or `timed_out`.
        """
        ...


class SystemResolver:
    """The resolver of the machine, in threads of its own: a name server that hangs must not hold up other work."""

    def __init__(self, *, timeout_seconds: float = limits.DNS_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(limits.DNS_THREADS, thread_name_prefix="dns")

    async def lookup(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of the host, as the machine orders them."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        except TimeoutError:
            raise EgressFailed("the name was not resolved in time", code="timed_out", sent=False) from None
        except (OSError, UnicodeError) as error:
            raise EgressFailed("the name does not resolve", code="dns_failed", sent=False) from error

    def close(self) -> None:
        """Take no more lookups; those under way end on their own."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class BriefMemory:
    """A resolver that asks another one, and gives the same answer again for a moment. A failure is not kept."""

    def __init__(self, inner: Resolver, *, seconds: float = limits.DNS_REMEMBERED_SECONDS) -> None:
        self._inner = inner
        self._seconds = seconds
        self._known: OrderedDict[tuple[str, int], tuple[float, tuple[str, ...]]] = OrderedDict()

    async def lookup(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of the host, as they were at most so many seconds ago."""
        now = asyncio.get_running_loop().time()
        good_until, addresses = self._known.get((host, port), (now, ()))
        if now < good_until:
            return addresses
        addresses = await self._inner.lookup(host, port)
        self._known[host, port] = (now + self._seconds, addresses)
        self._known.move_to_end((host, port))
        if len(self._known) > limits.DNS_REMEMBERED_NAMES:
            self._known.popitem(last=False)
        return addresses


async def pin(
    resolver: Resolver, url_host: str, port: int, *, private_allowed: frozenset[HostPort], own_ports: frozenset[int]
) -> str:
    """The address to connect to; one bad answer refuses the whole name.

    A pair in `private_allowed` is exempt from the lists, but for what no person has as a host of their own: metadata,
    multicast, translations and the like, and our own ports. A name of public form at the port of https names no private
    host: it is bound by everybody who connects a service, and whoever answers for it must not lead us inside.

    Raises:
        EgressRefused: the name, the port or an address is refused.
        EgressFailed: the name does not resolve.
    """
    is_exempt = may_be_private(HostPort(url_host, port), private_allowed)
    if not is_exempt:
        _check_port(port)
        _check_name(url_host)
    addresses = (url_host,) if is_ip_literal(url_host) else await resolver.lookup(url_host, port)
    if not addresses:
        raise EgressFailed("the name has no address", code="dns_failed", sent=False)
    if len(addresses) > limits.DNS_ANSWERS:
        raise _refused("too many addresses")
    for address in addresses:
        _check_address(address, port, is_exempt=is_exempt, own_ports=own_ports)
    return addresses[0]


def may_be_private(pair: HostPort, private_allowed: frozenset[HostPort]) -> bool:
    """Whether a person who bound this pair named a host of their own network by it (house decision 5)."""
    is_theirs = pair.port != DEFAULT_PORTS["https"] or is_ip_literal(pair.host) or _is_local(pair.host)
    return is_theirs and pair in private_allowed


def check_outside(host: str, port: int, *, own_ports: frozenset[int]) -> None:
    """Look at a host whose name somebody else looks up.

    Raises:
        EgressRefused: the name, the port or the address that it is written as is refused.
    """
    _check_port(port)
    _check_name(host)
    if is_ip_literal(host):
        _check_address(host, port, is_exempt=False, own_ports=own_ports)


def is_own_address(address: str) -> bool:
    """Whether the address is this machine's: only those can be bound. What cannot be tried counts as ours."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            return _can_bind(probe, address)
    except OSError:
        # No socket of this family: nothing of ours listens there either, and connecting will fail.
        return False


def _can_bind(probe: socket.socket, address: str) -> bool:
    try:
        probe.bind((address, 0))
    except OSError:
        return False
    return True


def _check_port(port: int) -> None:
    if port in REFUSED_PORTS:
        raise _refused("port")


def _check_name(host: str) -> None:
    if not is_ip_literal(host) and _is_local(host):
        raise _refused("local name")


def _is_local(name: str) -> bool:
    labels = name.split(".")
    return len(labels) < 2 or labels[-1] in REFUSED_SUFFIXES or labels[-2:] == ["home", "arpa"]


def _check_address(address: str, port: int, *, is_exempt: bool, own_ports: frozenset[int]) -> None:
    if is_metadata(address):
        raise _refused("metadata")
    reason = refusal(address)
    if reason is not None and not (is_exempt and reason in NAMEABLE):
        raise _refused(reason)
    if (not is_exempt or port in own_ports) and is_own_address(address):
        raise _refused("this machine")


def _refused(reason: str) -> EgressRefused:
    return EgressRefused("we do not connect to this host", reason=reason)


def _getaddrinfo(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
