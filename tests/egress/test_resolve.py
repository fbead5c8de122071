"""From a host to the one checked address."""

import pytest

from stack_local.domain.urls import HostPort, parse_host_port
from stack_local.egress import limits
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.resolve import BriefMemory, SystemResolver, is_own_address, pin
from tests.simulators.resolver import TableResolver

OWN_PORTS = frozenset({7822})


def exempt(*pairs: str) -> frozenset[HostPort]:
    return frozenset(parse_host_port(pair) for pair in pairs)


async def pinned(host: str, port: int, *answers: str, allowed: frozenset[HostPort] = frozenset()) -> str:
    resolver = TableResolver({host: [answers]})
    return await pin(resolver, host, port, private_allowed=allowed, own_ports=OWN_PORTS)


ALLOWED = [
    ("public name", "api.github.com", 443, ("140.82.121.6",), exempt(), "140.82.121.6"),
    ("first of several", "h.com", 443, ("1.1.1.1", "8.8.8.8"), exempt(), "1.1.1.1"),
    ("public ipv6", "h.com", 443, ("2606:4700::1111", "1.1.1.1"), exempt(), "2606:4700::1111"),
    ("public literal", "1.1.1.1", 443, (), exempt(), "1.1.1.1"),
    ("other port", "h.com", 8443, ("1.1.1.1",), exempt(), "1.1.1.1"),
    ("exempt literal", "127.0.0.1", 8080, (), exempt("127.0.0.1:8080"), "127.0.0.1"),
    ("exempt ipv6", "::1", 8080, (), exempt("[::1]:8080"), "::1"),
    ("exempt localhost", "localhost", 9000, ("127.0.0.1", "::1"), exempt("localhost:9000"), "127.0.0.1"),
    ("exempt private name", "git.lan", 443, ("192.168.1.9",), exempt("git.lan"), "192.168.1.9"),
    ("exempt name at a port", "git.h.com", 8443, ("10.0.0.1",), exempt("git.h.com:8443"), "10.0.0.1"),
    ("exempt public name", "h.com", 443, ("1.1.1.1",), exempt("h.com"), "1.1.1.1"),
    ("exempt low port", "h.com", 25, ("1.1.1.1",), exempt("h.com:25"), "1.1.1.1"),
]


@pytest.mark.parametrize(
    ("host", "port", "answers", "allowed", "address"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED]
)
async def test_a_checked_address_is_pinned(
    host: str, port: int, answers: tuple[str, ...], allowed: frozenset[HostPort], address: str
) -> None:
    assert await pinned(host, port, *answers, allowed=allowed) == address


REFUSED = [
    ("private answer", "h.com", 443, ("10.0.0.1",), exempt(), "private"),
    ("loopback answer", "h.com", 443, ("127.0.0.1",), exempt(), "loopback"),
    ("mixed, bad last", "h.com", 443, ("1.1.1.1", "10.0.0.1"), exempt(), "private"),
    ("mixed, bad first", "h.com", 443, ("::1", "1.1.1.1"), exempt(), "loopback"),
    ("mixed families", "h.com", 443, ("1.1.1.1", "fe80::1"), exempt(), "metadata"),
    ("mapped answer", "h.com", 443, ("::ffff:127.0.0.1",), exempt(), "IPv4-mapped"),
    ("metadata answer", "h.com", 443, ("169.254.169.254",), exempt(), "metadata"),
    ("private literal", "192.168.0.1", 443, (), exempt(), "private"),
    ("loopback literal", "127.0.0.1", 443, (), exempt(), "loopback"),
    ("ipv6 loopback literal", "::1", 443, (), exempt(), "loopback"),
    ("noise for an address", "h.com", 443, ("nonsense",), exempt(), "metadata"),
    ("localhost", "localhost", 443, ("1.1.1.1",), exempt(), "local name"),
    ("under localhost", "a.localhost", 443, ("1.1.1.1",), exempt(), "local name"),
    ("single label", "intranet", 443, ("1.1.1.1",), exempt(), "local name"),
    (".local", "printer.local", 443, ("1.1.1.1",), exempt(), "local name"),
    (".internal", "metadata.google.internal", 443, ("1.1.1.1",), exempt(), "local name"),
    (".home.arpa", "nas.home.arpa", 443, ("1.1.1.1",), exempt(), "local name"),
    (".onion", "abc.onion", 443, ("1.1.1.1",), exempt(), "local name"),
    (".test", "h.test", 443, ("1.1.1.1",), exempt(), "local name"),
    ("ssh port", "h.com", 22, ("1.1.1.1",), exempt(), "port"),
    ("database port", "h.com", 1433, ("1.1.1.1",), exempt(), "port"),
    ("redis port", "h.com", 6379, ("1.1.1.1",), exempt(), "port"),
    ("exempt other port", "127.0.0.1", 8081, (), exempt("127.0.0.1:8080"), "loopback"),
    ("exempt other loopback", "127.0.0.2", 8080, (), exempt("127.0.0.1:8080"), "loopback"),
    ("exempt literal, by name", "localhost", 8080, ("127.0.0.1",), exempt("127.0.0.1:8080"), "local name"),
    ("exempt name, by other", "h.com", 9000, ("127.0.0.1",), exempt("localhost:9000"), "loopback"),
    ("exempt metadata literal", "169.254.169.254", 80, (), exempt("169.254.169.254:80"), "metadata"),
    ("exempt metadata name", "git.lan", 443, ("169.254.169.254",), exempt("git.lan"), "metadata"),
    ("exempt mapped metadata", "git.lan", 443, ("::ffff:a9fe:a9fe",), exempt("git.lan"), "metadata"),
    ("exempt public name", "h.com", 443, ("10.0.0.1",), exempt("h.com"), "private"),
    ("exempt multicast", "224.0.0.1", 8443, (), exempt("224.0.0.1:8443"), "multicast"),
    ("exempt NAT64", "git.lan", 443, ("64:ff9b::a00:1",), exempt("git.lan"), "NAT64"),
    ("exempt own port", "127.0.0.1", 7822, (), exempt("127.0.0.1:7822"), "this machine"),
    ("exempt own port ipv6", "::1", 7822, (), exempt("[::1]:7822"), "this machine"),
    ("exempt own port, other loopback", "127.9.9.9", 7822, (), exempt("127.9.9.9:7822"), "this machine"),
    ("exempt own port, by name", "localhost", 7822, ("127.0.0.1",), exempt("localhost:7822"), "this machine"),
    ("exempt own port, unspecified", "0.0.0.0", 7822, (), exempt("0.0.0.0:7822"), "this network"),
    ("exempt own port, mapped", "git.lan", 7822, ("::ffff:127.0.0.1",), exempt("git.lan:7822"), "IPv4-mapped"),
    ("own port among public", "h.com", 7822, ("1.1.1.1", "127.0.0.1"), exempt("h.com:7822"), "this machine"),
    ("too many answers", "h.com", 443, tuple(f"1.1.1.{i}" for i in range(65)), exempt(), "too many addresses"),
]


@pytest.mark.parametrize(
    ("host", "port", "answers", "allowed", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_a_bad_host_is_refused(
    host: str, port: int, answers: tuple[str, ...], allowed: frozenset[HostPort], reason: str
) -> None:
    with pytest.raises(EgressRefused) as refused:
        await pinned(host, port, *answers, allowed=allowed)
    assert (refused.value.code, refused.value.sent, refused.value.reason) == ("egress_denied", False, reason)


async def test_every_refusal_reads_the_same() -> None:
    messages = set()
    for host, answer in [("h.com", "10.0.0.1"), ("h.com", "169.254.169.254"), ("localhost", "127.0.0.1")]:
        with pytest.raises(EgressRefused) as refused:
            await pinned(host, 443, answer)
        messages.add(refused.value.message)
    assert len(messages) == 1


async def test_a_name_that_changes_its_answer_is_looked_up_once() -> None:
    resolver = TableResolver({"rebind.com": [("1.1.1.1",), ("127.0.0.1",)]})
    address = await pin(resolver, "rebind.com", 443, private_allowed=frozenset(), own_ports=OWN_PORTS)
    assert address == "1.1.1.1"
    assert resolver.lookups == ["rebind.com"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.internal"])
async def test_a_refused_host_is_never_looked_up(host: str) -> None:
    resolver = TableResolver()
    with pytest.raises(EgressRefused):
        await pin(resolver, host, 443, private_allowed=frozenset(), own_ports=OWN_PORTS)
    assert resolver.lookups == []


async def test_a_name_without_addresses_does_not_resolve() -> None:
    with pytest.raises(EgressFailed) as failed:
        await pinned("h.com", 443)
    assert (failed.value.code, failed.value.sent) == ("dns_failed", False)


@pytest.mark.parametrize(
    ("address", "is_own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("0.0.0.0", True), ("8.8.8.8", False), ("2606:4700::1111", False)],
)
def test_the_machine_knows_its_own_addresses(address: str, is_own: bool) -> None:
    assert is_own_address(address) is is_own


async def test_the_system_resolver_reads_the_hosts_file() -> None:
    resolver = SystemResolver()
    assert "127.0.0.1" in await resolver.lookup("localhost", 80)
    resolver.close()


async def test_the_system_resolver_says_that_a_name_does_not_resolve() -> None:
    resolver = SystemResolver()
    with pytest.raises(EgressFailed) as failed:
        await resolver.lookup("a" * 64 + ".invalid", 80)
    assert (failed.value.code, failed.value.sent) == ("dns_failed", False)
    resolver.close()


async def test_the_system_resolver_gives_up_in_time() -> None:
    resolver = SystemResolver(timeout_seconds=0)
    with pytest.raises(EgressFailed) as failed:
        await resolver.lookup("localhost", 80)
    assert (failed.value.code, failed.value.sent) == ("timed_out", False)
    resolver.close()


async def test_a_name_is_looked_up_once_in_a_moment() -> None:
    table = TableResolver({"h.com": [("1.1.1.1",), ("8.8.8.8",)]})
    resolver = BriefMemory(table, seconds=60)
    assert [await resolver.lookup("h.com", 443) for _ in range(3)] == [("1.1.1.1",)] * 3
    assert table.lookups == ["h.com"]


async def test_a_name_is_looked_up_again_after_its_moment() -> None:
    resolver = BriefMemory(TableResolver({"h.com": [("1.1.1.1",), ("8.8.8.8",)]}), seconds=0)
    assert [await resolver.lookup("h.com", 443) for _ in range(2)] == [("1.1.1.1",), ("8.8.8.8",)]


async def test_a_remembered_answer_is_checked_again() -> None:
    resolver = BriefMemory(TableResolver({"h.com": [("10.0.0.1",)]}), seconds=60)
    for _ in range(2):
        with pytest.raises(EgressRefused):
            await pin(resolver, "h.com", 8443, private_allowed=exempt(), own_ports=OWN_PORTS)
    address = await pin(resolver, "h.com", 8443, private_allowed=exempt("h.com:8443"), own_ports=OWN_PORTS)
    assert address == "10.0.0.1"


async def test_a_name_that_did_not_resolve_is_not_remembered() -> None:
    table = TableResolver()
    resolver = BriefMemory(table, seconds=60)
    for _ in range(2):
        with pytest.raises(EgressFailed):
            await resolver.lookup("h.com", 443)
    assert len(table.lookups) == 2


async def test_the_memory_for_names_is_bounded() -> None:
    many = limits.DNS_REMEMBERED_NAMES + 1
    table = TableResolver({f"h{at}.com": [("1.1.1.1",)] for at in range(many)})
    resolver = BriefMemory(table, seconds=60)
    for at in [*range(many), 0]:
        await resolver.lookup(f"h{at}.com", 443)
    assert len(table.lookups) == many + 1
