"""Which IP addresses we never connect to, by an explicit list: `ipaddress.is_private` has holes in Python 3.11."""

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

Address = IPv4Address | IPv6Address


class RefusedV4(NamedTuple):
    """A refused IPv4 network and the class we name it by."""

    network: IPv4Network
    reason: str


class RefusedV6(NamedTuple):
    """A refused IPv6 network and the class we name it by."""

    network: IPv6Network
    reason: str


REFUSED_V4 = tuple(
    RefusedV4(IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (carrier)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("168.63.129.16/32", "metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)
"""The first network that holds an address names it."""

GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
"""Outside of it no IPv6 address is connected to."""

REFUSED_V6 = tuple(
    RefusedV6(IPv6Network(network), reason)
    for network, reason in (
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("2620:4f:8000::/48", "AS112"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Exceptions inside global unicast, and names for what lies outside."""

NAMEABLE = frozenset({"loopback", "private", "shared (carrier)", "unique local"})
"""The classes in which a person may have a host of their own; an exemption opens no other one."""

METADATA_V4 = tuple(
    IPv4Network(network) for network in ("169.254.0.0/16", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)
"""Where clouds hand out credentials to whoever asks; all of link-local, because every cloud adds its own there."""

METADATA_V6 = tuple(
    IPv6Network(network)
    for network in (
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254",  # Google
        "fd00:c1::a9fe:a9fe",  # Oracle
        "fd00:42::42",  # Scaleway
        "fd00:a9fe:a9fe::1",  # Akamai
        "fd00:100::100:200",  # Alibaba
    )
)
"""The same in IPv6: most lie among the unique local ones, which an exemption opens."""

JUDGED = 1024
"""Addresses whose class is remembered: it follows from the text alone."""

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


@lru_cache(maxsize=JUDGED)
def refusal(address: str) -> str | None:
    """The class of a refused address, or None for a public one. What is not an address is refused too."""
    parsed = _parse(address)
    if parsed is None:
        return "not an address"
    if isinstance(parsed, IPv4Address):
        return next((refused.reason for refused in REFUSED_V4 if parsed in refused.network), None)
    reason = next((refused.reason for refused in REFUSED_V6 if parsed in refused.network), None)
    return reason if reason or parsed in GLOBAL_UNICAST_V6 else "outside global unicast"


@lru_cache(maxsize=JUDGED)
def is_metadata(address: str) -> bool:
    """Whether no exemption helps: a metadata address, also wrapped in IPv6, or no address at all."""
    parsed = _parse(address)
    if parsed is None:
        return True
    if isinstance(parsed, IPv4Address):
        return _is_metadata_v4(parsed)
    inner = _embedded(parsed)
    return any(parsed in network for network in METADATA_V6) or (inner is not None and _is_metadata_v4(inner))


def _is_metadata_v4(address: IPv4Address) -> bool:
    return any(address in network for network in METADATA_V4)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address a gateway or the kernel would reach in its place."""
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _parse(address: str) -> Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
