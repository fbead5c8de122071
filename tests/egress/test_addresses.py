"""Which addresses are refused, by class, and which are metadata."""

import pytest

from stack_local.egress.addresses import is_metadata, refusal

CLASSES = [
    ("0.0.0.0", "this network"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "shared (carrier)"),
    ("100.127.255.255", "shared (carrier)"),
    ("100.100.100.200", "shared (carrier)"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "link-local"),
    ("168.63.129.16", "metadata"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol assignments"),
    ("192.0.0.192", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "AS112"),
    ("192.52.193.1", "AMT"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.1", "private"),
    ("192.175.48.1", "AS112"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:2::1", "protocol assignments"),
    ("2001:10::1", "protocol assignments"),
    ("2001:20::1", "protocol assignments"),
    ("2001:1ff:ffff::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("2620:4f:8000::1", "AS112"),
    ("3fff::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("4000::1", "outside global unicast"),
    ("1fff::1", "outside global unicast"),
    ("::ffff:0:7f00:1", "outside global unicast"),
    ("localhost", "not an address"),
    ("127.1", "not an address"),
    ("0177.0.0.1", "not an address"),
    ("2130706433", "not an address"),
    ("", "not an address"),
    ("1.1.1.1", None),
    ("8.8.8.8", None),
    ("9.255.255.255", None),
    ("11.0.0.0", None),
    ("100.63.255.255", None),
    ("100.128.0.0", None),
    ("128.0.0.1", None),
    ("172.15.255.255", None),
    ("172.32.0.0", None),
    ("192.0.1.1", None),
    ("198.17.255.255", None),
    ("198.20.0.0", None),
    ("223.255.255.255", None),
    ("2606:4700:4700::1111", None),
    ("2001:200::1", None),
    ("2001:4860:4860::8888", None),
    ("2003::1", None),
    ("2a00:1450::1", None),
    ("3fff:1000::1", None),
]


@pytest.mark.parametrize(("address", "reason"), CLASSES)
def test_an_address_is_of_its_class(address: str, reason: str | None) -> None:
    assert refusal(address) == reason


METADATA = [
    ("169.254.169.254", True),
    ("169.254.170.2", True),
    ("168.63.129.16", True),
    ("100.100.100.200", True),
    ("fd00:ec2::254", True),
    ("fe80::a9fe:a9fe", True),
    ("fe80::1%eth0", True),
    ("::ffff:169.254.169.254", True),
    ("::a9fe:a9fe", True),
    ("64:ff9b::a9fe:a9fe", True),
    ("64:ff9b:1::a9fe:a9fe", True),
    ("2002:a9fe:a9fe::1", True),
    ("metadata", True),
    ("127.0.0.1", False),
    ("10.0.0.1", False),
    ("100.100.100.201", False),
    ("::1", False),
    ("::ffff:127.0.0.1", False),
    ("2002:808:808::1", False),
    ("fd00:ec2::253", False),
    ("8.8.8.8", False),
]


@pytest.mark.parametrize(("address", "expected"), METADATA)
def test_metadata_is_known_in_every_wrapping(address: str, expected: bool) -> None:
    assert is_metadata(address) is expected


@pytest.mark.parametrize("address", [address for address, expected in METADATA if expected])
def test_metadata_is_also_refused_without_exemption(address: str) -> None:
    assert refusal(address) is not None
