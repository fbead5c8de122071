"""What must never be connected to: where a URL seems to lead, where a lying resolver leads it, and what refuses it.

Each row has two verdicts. *Unbound*: nobody has named the host. *Bound*: a person has bound a connection to exactly its
host and port, so that the binding lets the call pass and `egress` alone can stop it. The law (house decision 5): HTTPS
only; private and loopback hosts only when named by host and port, which exempts exactly that pair; metadata never.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import HostPort, Url, parse_url

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
"""Two addresses that may be connected to."""

DECOY = "api.example.com"
"""The honest host behind which a spelling hides another one; it resolves to PUBLIC."""

OWN = "{own}"
"""In a URL: the port the appliance itself listens on."""

BY_LAW = None
"""The verdict on what a person may name: it is connected to, at exactly that address and port."""


@dataclass(frozen=True, slots=True)
class Row:
    """One place, and what refuses it: a rule of the parser, a reason of `egress`, or BY_LAW."""

    name: str
    url: str
    unbound: str | None
    bound: str | None
    answers: tuple[tuple[str, ...], ...] = ()
    """What the resolver says to each lookup in turn; every answer but the last is good, and connected to."""
    alias: str = ""
    """The name that a real resolver would be sent on to first."""

    @property
    def parsed(self) -> Url | None:
        """The URL, where our parser reads it."""
        try:
            return parse_url(self.url)
        except InvalidRequest:
            return None

    @property
    def host_port(self) -> HostPort:
        """What a person binds for it: its own pair, or the decoy's where it has none."""
        return HostPort(DECOY, 443) if self.parsed is None else self.parsed.host_port

    def verdict(self, *, is_bound: bool) -> str | None:
        """What refuses it at its last answer."""
        return self.bound if is_bound else self.unbound

    def may_reach(self, *, is_bound: bool) -> list[tuple[str, int]]:
        """Address and port of each attempt that the law lets happen, in order."""
        if self.parsed is None:
            return []
        series = self.answers or ((self.parsed.host,),)
        good = series if self.verdict(is_bound=is_bound) is BY_LAW else series[:-1]
        return [(answer[0], self.parsed.port) for answer in good]

    def at(self, own_port: int) -> "Row":
        """The row for an appliance that listens on this port."""
        return replace(self, url=self.url.replace(OWN, str(own_port)))


SPELLINGS = [
    # The host is an address in a form that a resolver reads and a list does not.
    ("decimal", "https://2130706433/", "url_host"),
    ("decimal metadata", "https://2852039166/", "url_host"),
    ("hexadecimal", "https://0x7f000001/", "url_host"),
    ("hexadecimal metadata", "https://0xA9FEA9FE/", "url_host"),
    ("octal", "https://017700000001/", "url_host"),
    ("octal parts", "https://0251.0376.0251.0376/", "url_host"),
    ("hexadecimal parts", "https://0xc0.0xa8.0x01.0x01/", "url_host"),
    ("mixed bases", "https://169.0xfe.0251.254/", "url_host"),
    ("one octal part", "https://127.0.0.01/", "url_host"),
    ("one hexadecimal part", "https://127.0.0.0x1/", "url_host"),
    ("zero", "https://0/", "url_host"),
    ("hexadecimal zero", "https://0x0/", "url_host"),
    ("bare prefix", "https://0x/", "url_host"),
    ("two parts", "https://127.1/", "url_host"),
    ("three parts", "https://192.168.257/", "url_host"),
    ("two parts, metadata", "https://169.16689662/", "url_host"),
    ("five parts", "https://127.0.0.1.1/", "url_host"),
    ("a part too great", "https://383.0.0.1/", "url_host"),
    ("overflow", "https://4294967297/", "url_host"),
    ("address with a trailing dot", "https://127.0.0.1./", "url_host"),
    ("name with a trailing dot", "https://metadata.google.internal./", "url_host"),
    ("localhost with a trailing dot", "https://localhost./", "url_host"),
    ("two dots", "https://127..0.0.1/", "url_host"),
    ("only a dot", "https://./", "url_host"),
    ("no host", "https:///169.254.169.254/", "url_host"),
    ("port alone", "https://:443/", "url_host"),
    # IPv6 that hides something.
    ("mapped loopback", "https://[::ffff:7f00:1]/", "url_host"),
    ("mapped, dotted", "https://[::ffff:127.0.0.1]/", "url_host"),
    ("mapped metadata", "https://[::ffff:a9fe:a9fe]/", "url_host"),
    ("mapped, long", "https://[0:0:0:0:0:ffff:10.0.0.1]/", "url_host"),
    ("compatible, dotted", "https://[::127.0.0.1]/", "url_host"),
    ("NAT64, dotted", "https://[64:ff9b::169.254.169.254]/", "url_host"),
    ("loopback, long", "https://[0:0:0:0:0:0:0:1]/", "url_host"),
    ("loopback with zeros", "https://[::0001]/", "url_host"),
    ("zone", "https://[fe80::1%eth0]/", "url_escape"),
    ("encoded zone", "https://[fe80::1%25eth0]/", "url_host"),
    ("encoded zone of loopback", "https://[::1%25lo]/", "url_host"),
    ("address in brackets", "https://[127.0.0.1]/", "url_host"),
    ("name in brackets", "https://[localhost]/", "url_host"),
    ("open bracket", "https://[::1/", "url_host"),
    ("no brackets", "https://::1/", "url_host"),
    ("future address", "https://[v1.fe80::1]/", "url_host"),
    ("after the bracket", f"https://[::1].{DECOY}/", "url_port"),
    ("two addresses", "https://[::1][::2]/", "url_port"),
    # Letters that become ASCII somewhere on the way.
    ("circled digits", "https://①②⑦.⓪.⓪.①/", "url_characters"),
    ("circled letters", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "url_characters"),
    ("full-width digits", "https://１２７.0.0.1/", "url_characters"),
    ("ideographic dots", "https://127。0。0。1/", "url_characters"),
    ("half-width dot", "https://169.254｡169.254/", "url_characters"),
    ("full-width slash", f"https://127.0.0.1／.{DECOY}/", "url_characters"),
    ("soft hyphen", "https://local\u00adhost/", "url_characters"),
    ("zero-width space", "https://127.0.0.\u200b1/", "url_characters"),
    ("direction mark", "https://\u202e1.0.0.721/", "url_characters"),
    ("Kelvin sign", "https://\u212aubernetes.default.svc/", "url_characters"),
    ("long s", "https://localho\u017ft/", "url_characters"),
    ("sharp s", "https://fa\u00df.example.org/", "url_characters"),
    ("Arabic digits in the port", f"https://{DECOY}:٤٤٣/", "url_characters"),
    ("empty A-label", "https://xn--/", "url_host"),
    ("encoded dot", "https://127%2e0%2e0%2e1/", "url_host"),
    ("encoded letters", "https://%6c%6f%63%61%6c%68%6f%73%74/", "url_host"),
    ("encoded full-width", "https://127%E3%80%820%E3%80%820%E3%80%821/", "url_host"),
    ("encoded slash in the host", f"https://127.0.0.1%2f.{DECOY}/", "url_host"),
    ("encoded NUL in the host", f"https://127.0.0.1%00.{DECOY}/", "url_escape"),
    # Two hosts, one of them honest.
    ("host as user", f"https://{DECOY}@169.254.169.254/", "url_userinfo"),
    ("host as user and password", f"https://{DECOY}:443@127.0.0.1/", "url_userinfo"),
    ("honest host behind a user", f"https://127.0.0.1@{DECOY}/", "url_userinfo"),
    ("two at signs", f"https://a@127.0.0.1@{DECOY}/", "url_userinfo"),
    ("empty user", "https://@127.0.0.1/", "url_userinfo"),
    ("encoded at sign", f"https://{DECOY}%40127.0.0.1/", "url_host"),
    ("backslash and at sign", f"https://{DECOY}\\@127.0.0.1/", "url_characters"),
    ("at sign behind a backslash", f"https://127.0.0.1\\@{DECOY}/", "url_characters"),
    ("backslashes for slashes", "https:\\\\127.0.0.1\\", "url_characters"),
    ("backslash in the host", f"https://127.0.0.1\\.{DECOY}/", "url_characters"),
    ("encoded backslash", f"https://127.0.0.1%5c.{DECOY}/", "url_host"),
    ("fragment and at sign", f"https://169.254.169.254#@{DECOY}/", "url_fragment"),
    ("fragment behind the honest host", f"https://{DECOY}#@127.0.0.1/", "url_fragment"),
    ("question mark in the user", f"https://127.0.0.1?@{DECOY}:x@/#", "url_fragment"),
    ("semicolon", f"https://127.0.0.1;{DECOY}/", "url_host"),
    ("comma", f"https://127.0.0.1,{DECOY}/", "url_host"),
    ("ampersand", f"https://127.0.0.1&{DECOY}/", "url_host"),
    ("blank", f"https://127.0.0.1 {DECOY}/", "url_characters"),
    ("blanks and signs", "https://1.1.1.1 &@127.0.0.1# @3.3.3.3/", "url_characters"),
    ("two ports", f"https://{DECOY}:443:6379/", "url_port"),
    ("two hosts", f"https://{DECOY}:443127.0.0.1/", "url_port"),
    ("star", f"https://*.{DECOY}/", "url_host"),
    ("underscore", "https://_metadata.google.internal/", "url_host"),
    # What a careless reader leaves out.
    ("tab in the host", "https://local\thost/", "url_characters"),
    ("tab in the scheme", "ht\ttps://127.0.0.1/", "url_characters"),
    ("line feed in the host", "https://127.0\n.0.1/", "url_characters"),
    ("line in the path", f"https://{DECOY}/\r\nHost: 127.0.0.1", "url_characters"),
    ("encoded line in the host", f"https://{DECOY}%0d%0aHost:127.0.0.1/", "url_host"),
    ("NUL", f"https://127.0.0.1\0.{DECOY}/", "url_characters"),
    ("leading blank", " https://127.0.0.1/", "url_characters"),
    ("leading control", "\x01https://127.0.0.1/", "url_characters"),
    ("trailing line feed", "https://127.0.0.1/\n", "url_characters"),
    ("delete", "https://127.0.0.1\x7f/", "url_characters"),
    # No absolute https URL at all.
    ("no scheme", "169.254.169.254/latest/meta-data/", "url_form"),
    ("of any scheme", "//169.254.169.254/", "url_form"),
    ("one slash", "https:/127.0.0.1/", "url_form"),
    ("no slash", "https:127.0.0.1", "url_form"),
    ("three slashes", "https:////127.0.0.1/", "url_host"),
    ("path alone", "/latest/meta-data/", "url_form"),
    ("blank scheme", "://127.0.0.1/", "url_form"),
    ("two schemes", "https://https://127.0.0.1/", "url_port"),
    ("file", "file:///etc/passwd", "url_scheme"),
    ("file with a host", "file://127.0.0.1/etc/passwd", "url_scheme"),
    ("gopher", "gopher://127.0.0.1:6379/_FLUSHALL", "url_scheme"),
    ("dict", "dict://127.0.0.1:11211/stats", "url_scheme"),
    ("ftp", "ftp://127.0.0.1/", "url_scheme"),
    ("ldap", "ldap://127.0.0.1/", "url_scheme"),
    ("smb", "smb://127.0.0.1/share", "url_scheme"),
    ("ssh", "ssh://127.0.0.1/", "url_scheme"),
    ("web socket", "ws://127.0.0.1/", "url_scheme"),
    ("web socket over TLS", f"wss://{DECOY}/", "url_scheme"),
    ("Unix socket", "http+unix://%2fvar%2frun%2fdocker.sock/", "url_scheme"),
    ("archive", "jar:https://127.0.0.1!/", "url_form"),
    ("data", "data:text/html,x", "url_form"),
    ("script", "javascript:fetch('https://127.0.0.1')", "url_form"),
    # Ports that are none, and paths that climb out of what was approved.
    ("port zero", f"https://{DECOY}:0/", "url_port"),
    ("port too great", f"https://{DECOY}:65979/", "url_port"),
    ("port with a zero", f"https://{DECOY}:0443/", "url_port"),
    ("negative port", f"https://{DECOY}:-1/", "url_port"),
    ("hexadecimal port", f"https://{DECOY}:0x1bb/", "url_port"),
    ("encoded port", f"https://{DECOY}:%34%34%33/", "url_port"),
    ("empty port", f"https://{DECOY}:/", "url_port"),
    ("dot segments", f"https://{DECOY}/v1/../admin", "url_dot_segment"),
    ("encoded dot segments", f"https://{DECOY}/v1/%2e%2e/admin", "url_dot_segment"),
    ("encoded slash in a dot segment", f"https://{DECOY}/v1/..%2fadmin", "url_dot_segment"),
    ("parameter in a dot segment", f"https://{DECOY}/v1/..;/admin", "url_dot_segment"),
    ("NUL in the path", f"https://{DECOY}/%00", "url_escape"),
]
"""A name, a URL that nobody may be made to read as another one, and the rule of the parser that refuses it."""

NEVER = [
    ("this network", "0.0.0.0", "this network"),
    ("this network, inside", "0.1.2.3", "this network"),
    ("link-local", "169.254.0.1", "metadata"),
    ("AWS, Azure, Google, DigitalOcean, Oracle, IBM", "169.254.169.254", "metadata"),
    ("AWS containers", "169.254.170.2", "metadata"),
    ("AWS Kubernetes", "169.254.170.23", "metadata"),
    ("AWS time", "169.254.169.123", "metadata"),
    ("Tencent", "169.254.0.23", "metadata"),
    ("Scaleway", "169.254.42.42", "metadata"),
    ("Azure's wire server", "168.63.129.16", "metadata"),
    ("Alibaba", "100.100.100.200", "metadata"),
    ("Oracle, older", "192.0.0.192", "metadata"),
    ("protocol assignments", "192.0.0.8", "protocol assignments"),
    ("documentation 1", "192.0.2.1", "documentation"),
    ("documentation 2", "198.51.100.7", "documentation"),
    ("documentation 3", "203.0.113.7", "documentation"),
    ("AS112", "192.31.196.1", "AS112"),
    ("AMT", "192.52.193.1", "AMT"),
    ("6to4 relay", "192.88.99.1", "6to4 relay"),
    ("benchmarking", "198.18.0.1", "benchmarking"),
    ("multicast", "224.0.0.1", "multicast"),
    ("multicast, local", "239.255.255.250", "multicast"),
    ("reserved", "240.0.0.1", "reserved"),
    ("broadcast", "255.255.255.255", "broadcast"),
    ("unspecified", "::", "unspecified"),
    ("compatible loopback", "::7f00:1", "IPv4-compatible"),
    ("compatible metadata", "::a9fe:a9fe", "metadata"),
    ("translated loopback", "::ffff:0:7f00:1", "outside global unicast"),
    ("NAT64 loopback", "64:ff9b::7f00:1", "NAT64"),
    ("NAT64 private", "64:ff9b::a00:1", "NAT64"),
    ("NAT64 metadata", "64:ff9b::a9fe:a9fe", "metadata"),
    ("NAT64 of the network", "64:ff9b:1::a00:1", "NAT64"),
    ("NAT64 of the network, metadata", "64:ff9b:1::a9fe:a9fe", "metadata"),
    ("6to4 loopback", "2002:7f00:1::", "6to4"),
    ("6to4 private", "2002:c0a8:101::1", "6to4"),
    ("6to4 metadata", "2002:a9fe:a9fe::1", "metadata"),
    ("Teredo", "2001:0:a00:1::1", "Teredo"),
    ("ORCHID", "2001:20::1", "protocol assignments"),
    ("documentation v6", "2001:db8::1", "documentation"),
    ("documentation v6, newer", "3fff::1", "documentation"),
    ("AS112 v6", "2620:4f:8000::1", "AS112"),
    ("discard", "100::1", "discard"),
    ("segment routing", "5f00::1", "segment routing"),
    ("site-local", "fec0::1", "site-local"),
    ("link-local v6", "fe80::1", "metadata"),
    ("OpenStack v6", "fe80::a9fe:a9fe", "metadata"),
    ("AWS v6", "fd00:ec2::254", "metadata"),
    ("AWS Kubernetes v6", "fd00:ec2::23", "metadata"),
    ("Google v6", "fd20:ce::254", "metadata"),
    ("Oracle v6", "fd00:c1::a9fe:a9fe", "metadata"),
    ("Scaleway v6", "fd00:42::42", "metadata"),
    ("Akamai v6", "fd00:a9fe:a9fe::1", "metadata"),
    ("Alibaba v6", "fd00:100::100:200", "metadata"),
    ("multicast v6", "ff02::1", "multicast"),
    ("multicast v6, wide", "ff0e::1", "multicast"),
    ("unassigned v6", "4000::1", "outside global unicast"),
]
"""Addresses that no binding opens, and the reason."""

NAMED = [
    ("loopback", "127.0.0.1", "loopback"),
    ("loopback, another", "127.66.7.8", "loopback"),
    ("loopback, last", "127.255.255.254", "loopback"),
    ("private 10", "10.0.0.1", "private"),
    ("private 172", "172.16.0.1", "private"),
    ("private 172, last", "172.31.255.254", "private"),
    ("containers", "172.17.0.1", "private"),
    ("private 192", "192.168.1.1", "private"),
    ("carrier", "100.64.0.1", "shared (carrier)"),
    ("carrier, last", "100.127.255.254", "shared (carrier)"),
    ("loopback v6", "::1", "loopback"),
    ("unique local", "fc00::1", "unique local"),
    ("unique local, usual", "fd12:3456:789a::1", "unique local"),
]
"""Addresses that a person may name by host and port, and what refuses them otherwise."""

ANSWERS = [
    ("mapped loopback", "::ffff:127.0.0.1", "IPv4-mapped"),
    ("mapped private", "::ffff:10.0.0.1", "IPv4-mapped"),
    ("mapped public", f"::ffff:{PUBLIC}", "IPv4-mapped"),
    ("mapped metadata", "::ffff:169.254.169.254", "metadata"),
    ("link-local with a zone", "fe80::1%eth0", "metadata"),
    ("loopback with a zone", "::1%lo", "loopback"),
    ("noise", "localhost", "metadata"),
    ("short form", "127.1", "metadata"),
    ("octal", "0177.0.0.1", "metadata"),
    ("decimal", "2130706433", "metadata"),
    ("nothing", "", "metadata"),
]
"""What only a resolver can say: no URL may be written so. What is no address counts as metadata."""

MIXED: list[tuple[str, tuple[str, ...], str]] = [
    ("public and loopback", (PUBLIC, "127.0.0.1"), "loopback"),
    ("loopback and public", ("127.0.0.1", PUBLIC), "loopback"),
    ("public and private", (PUBLIC, "10.0.0.1"), "private"),
    ("public and metadata", (PUBLIC, "169.254.169.254"), "metadata"),
    ("public and mapped", (PUBLIC, "::ffff:10.0.0.1"), "IPv4-mapped"),
    ("public and loopback v6", (PUBLIC, "::1"), "loopback"),
    ("public v6 and private", (PUBLIC_V6, "192.168.1.1"), "private"),
    ("public v6 and NAT64", (PUBLIC_V6, "64:ff9b::a00:1"), "NAT64"),
    ("private in the middle", (PUBLIC, "172.16.0.1", PUBLIC_V6), "private"),
    ("private behind many", (*(f"93.184.216.{n}" for n in range(63)), "10.0.0.1"), "private"),
    ("more than we look at", tuple(f"93.184.216.{n}" for n in range(65)), "too many addresses"),
    ("no address", (), "dns_failed"),
]
"""One bad answer refuses the whole name."""

REBINDINGS: list[tuple[str, tuple[tuple[str, ...], ...], str]] = [
    ("loopback", ((PUBLIC,), ("127.0.0.1",)), "loopback"),
    ("loopback v6", ((PUBLIC,), ("::1",)), "loopback"),
    ("private", ((PUBLIC,), ("10.0.0.1",)), "private"),
    ("metadata", ((PUBLIC,), ("169.254.169.254",)), "metadata"),
    ("this network", ((PUBLIC,), ("0.0.0.0",)), "this network"),
    ("mixed", ((PUBLIC,), (PUBLIC, "10.0.0.1")), "private"),
    ("later", ((PUBLIC,), (PUBLIC_V6,), (PUBLIC,), ("127.0.0.1",)), "loopback"),
    ("gone", ((PUBLIC,), ()), "dns_failed"),
]
"""A name that was good when it was looked up first."""

LOCAL_NAMES = [
    ("localhost", "127.0.0.1", BY_LAW),
    ("app.localhost", "127.0.0.1", BY_LAW),
    ("intranet", "10.0.0.1", BY_LAW),
    ("printer.local", "192.168.1.1", BY_LAW),
    ("git.lan", "192.168.1.1", BY_LAW),
    ("router.home", "192.168.1.1", BY_LAW),
    ("nas.home.arpa", "10.0.0.1", BY_LAW),
    ("wiki.corp", "10.0.0.1", BY_LAW),
    ("host.docker.internal", "172.17.0.1", BY_LAW),
    ("public.localdomain", PUBLIC, BY_LAW),
    ("metadata.google.internal", "169.254.169.254", "metadata"),
    ("metadata.azure.internal", "169.254.169.254", "metadata"),
    ("instance-data", "169.254.169.254", "metadata"),
    ("metadata", "fd20:ce::254", "metadata"),
    ("twin.local", "0.0.0.0", "this network"),
    ("abc.onion", "198.18.0.1", "benchmarking"),
    ("h.test", "203.0.113.7", "documentation"),
    ("h.invalid", "240.0.0.1", "reserved"),
    ("h.example", "::ffff:127.0.0.1", "IPv4-mapped"),
]
"""Names that never are public, where they lead, and what then refuses a bound one."""

PUBLIC_NAMES = [
    ("127.0.0.1.nip.io", "127.0.0.1", "loopback"),
    ("10-0-0-1.sslip.io", "10.0.0.1", "private"),
    ("localtest.me", "::1", "loopback"),
    ("0x7f000001.evil.example.org", "127.0.0.1", "loopback"),
    ("kubernetes.default.svc", "10.96.0.1", "private"),
    ("metadata.goog", "169.254.169.254", "metadata"),
    ("metadata.tencentyun.com", "169.254.0.23", "metadata"),
    ("xn--localhost-n0a.example.org", "127.0.0.1", "loopback"),
    ("LOCALHOST.Example.ORG", "127.0.0.1", "loopback"),
]
"""Names of public form that somebody has pointed inside; a binding to port 443 names no private host."""

PORTS = {
    "ssh": 22,
    "telnet": 23,
    "mail": 25,
    "names": 53,
    "finger": 79,
    "mail box": 110,
    "portmapper": 111,
    "news": 119,
    "Windows": 135,
    "NetBIOS": 139,
    "mail box 2": 143,
    "directory": 389,
    "file shares": 445,
    "mail over TLS": 465,
    "shells": 514,
    "mail submission": 587,
    "directory over TLS": 636,
    "file copies": 873,
    "mail box 2 over TLS": 993,
    "mail box over TLS": 995,
    "SQL Server": 1433,
    "Oracle": 1521,
    "network files": 2049,
    "containers": 2375,
    "containers over TLS": 2376,
    "etcd": 2379,
    "MySQL": 3306,
    "remote desktop": 3389,
    "PostgreSQL": 5432,
    "remote screen": 5900,
    "CouchDB": 5984,
    "X11": 6000,
    "Redis": 6379,
    "chat": 6667,
    "Cassandra": 9042,
    "Kafka": 9092,
    "Elasticsearch": 9200,
    "Elasticsearch, inside": 9300,
    "kubelet": 10250,
    "memcached": 11211,
    "MongoDB": 27017,
}
"""Ports that no service is asked on unless a person named exactly that pair."""


def table() -> tuple[Row, ...]:
    """Every row, each with a name of its own."""
    return (*_good(), *_spelled(), *_literal(), *_resolved(), *_named(), *_at_ports(), *_plain(), *_own())


def short_table() -> tuple[Row, ...]:
    """Each rule at least once, for whatever takes long: an address is written in the URL or found by the resolver,
    not both, and a few ports stand for all.
    """
    one_way = [*_literal()][::2] + [row for number, row in enumerate(_resolved()) if number % 2 or row.answers[1:]]
    ports = [*_at_ports()][::5]
    return (*_good(), *_spelled(), *one_way, *_named(), *ports, *_plain(), *_own())


def _good() -> Iterator[Row]:
    """What must go on working: without it, a product that connects to nothing would pass."""
    yield Row("public name", "https://public.example.org/", BY_LAW, BY_LAW, ((PUBLIC,),))
    yield Row("public name, v6", "https://public6.example.org/", BY_LAW, BY_LAW, ((PUBLIC_V6, PUBLIC),))
    yield Row("public address", f"https://{PUBLIC}/", BY_LAW, BY_LAW)


def _spelled() -> Iterator[Row]:
    for name, url, rule in SPELLINGS:
        yield Row(f"spelling: {name}", url, rule, rule)


def _literal() -> Iterator[Row]:
    for name, address, reason in NEVER:
        yield Row(f"address: {name}", f"https://{_written(address)}/", reason, reason)
    for name, address, reason in NAMED:
        yield Row(f"address: {name}", f"https://{_written(address)}/", reason, BY_LAW)


def _resolved() -> Iterator[Row]:
    singles = [(name, (address,), reason) for name, address, reason in (*NEVER, *NAMED, *ANSWERS)]
    for name, addresses, reason in (*singles, *MIXED):
        yield Row(f"answer: {name}", f"https://{_slug(name)}.answer.example.org/", reason, reason, (addresses,))
    for name, series, reason in REBINDINGS:
        yield Row(f"rebinding: {name}", f"https://{_slug(name)}.rebind.example.org/", reason, reason, series)
    yield Row("nowhere", "https://nowhere.example.org/", "dns_failed", "dns_failed", ((),))
    alias, inner = "https://alias.example.org/", "metadata.google.internal"
    yield Row("alias", alias, "metadata", "metadata", (("169.254.169.254",),), alias=inner)


def _named() -> Iterator[Row]:
    for host, address, reason in LOCAL_NAMES:
        yield Row(f"name: {host}", f"https://{host}/", "local name", reason, ((address,),))
    for host, address, reason in PUBLIC_NAMES:
        yield Row(f"name: {host}", f"https://{host}/", reason, reason, ((address,),))
    at_a_port = "https://internal.example.org:8443/"
    yield Row("name at a port", at_a_port, "private", BY_LAW, (("10.0.0.1",),))
    never = "https://bad.example.org:8443/"
    yield Row("name at a port, metadata", never, "metadata", "metadata", (("169.254.169.254",),))


def _at_ports() -> Iterator[Row]:
    for name, port in PORTS.items():
        yield Row(f"port: {name}", f"https://at{port}.example.org:{port}/", "port", BY_LAW, ((PUBLIC,),))


def _plain() -> Iterator[Row]:
    """Plain http to a public address would show the credential to everybody on the way, whatever a person bound."""
    for name, port in {"usual port": "", "port of https": ":443", "another port": ":8080"}.items():
        url = f"http://{_slug(name)}.plain.example.org{port}/"
        yield Row(f"plain http: {name}", url, "plain http", "plain http", ((PUBLIC,),))
    yield Row("plain http: address", f"http://{PUBLIC}/", "plain http", "plain http")
    yield Row("plain http: address v6", f"http://[{PUBLIC_V6}]/", "plain http", "plain http")
    yield Row("plain http: metadata", "http://169.254.169.254/latest/meta-data/", "plain http", "metadata")
    yield Row("plain http: metadata v6", "http://[fd00:ec2::254]/latest/meta-data/", "plain http", "metadata")
    yield Row("plain http: private", "http://10.0.0.1:8080/", "plain http", BY_LAW)
    downgrade = "http://downgrade.example.org:443/"
    yield Row("plain http: pointed inside", downgrade, "plain http", "private", (("10.0.0.1",),))


def _own() -> Iterator[Row]:
    """The appliance itself, which would see a call of its own bearer: no binding opens it."""
    for name, address in {"loopback": "127.0.0.1", "another loopback": "127.9.9.9", "loopback v6": "::1"}.items():
        yield Row(f"own port: {name}", f"https://{_written(address)}:{OWN}/", "loopback", "this machine")
        yield Row(f"own port, plain: {name}", f"http://{_written(address)}:{OWN}/", "plain http", "this machine")
    yield Row("own port: unspecified", f"https://0.0.0.0:{OWN}/", "this network", "this network")
    yield Row("own port: unspecified v6", f"https://[::]:{OWN}/", "unspecified", "unspecified")
    local, public = f"http://own.localhost:{OWN}/v1/proxy", f"https://own.example.org:{OWN}/"
    yield Row("own port: by a local name", local, "plain http", "this machine", (("127.0.0.1",),))
    yield Row("own port: by a public name", public, "loopback", "this machine", (("127.0.0.1",),))
    mapped = f"https://mapped-own.example.org:{OWN}/"
    yield Row("own port: mapped", mapped, "IPv4-mapped", "IPv4-mapped", (("::ffff:127.0.0.1",),))


def _written(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")


INSIDE = ("http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "http://127.0.0.1:6379/", "http://[::1]/")
"""Where a service would like to send us."""

REDIRECTS: dict[str, bytes] = {
    **{
        f"{status} to {target}": f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\n".encode()
        for status in (301, 302, 303, 307, 308)
        for target in INSIDE
    },
    "300 with a choice": b"HTTP/1.1 300 Choose\r\nLocation: https://10.0.0.1/\r\n",
    "304 with a place": b"HTTP/1.1 304 Same\r\nLocation: https://10.0.0.1/\r\n",
    "305 use a proxy": b"HTTP/1.1 305 Proxy\r\nLocation: http://10.0.0.1:3128/\r\n",
    "201 with a place": b"HTTP/1.1 201 Made\r\nLocation: http://169.254.169.254/\r\n",
    "relative": b"HTTP/1.1 302 Found\r\nLocation: /again\r\n",
    "of any scheme": b"HTTP/1.1 302 Found\r\nLocation: //169.254.169.254/\r\n",
    "with a user": b"HTTP/1.1 302 Found\r\nLocation: https://api.example.com@10.0.0.1/\r\n",
    "a file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n",
    "two places": b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: http://10.0.0.1/\r\n",
    "refresh": b"HTTP/1.1 200 OK\r\nRefresh: 0; url=http://169.254.169.254/\r\n",
    "alternative service": b'HTTP/1.1 200 OK\r\nAlt-Svc: h2="10.0.0.1:443"; ma=86400\r\n',
    "link to load": b"HTTP/1.1 200 OK\r\nLink: <http://10.0.0.1/a.js>; rel=preload, </x>; rel=next\r\n",
    "content elsewhere": b"HTTP/1.1 200 OK\r\nContent-Location: http://10.0.0.1/\r\n",
    "log in elsewhere": (
        b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer resource_metadata="http://169.254.169.254/"\r\n'
    ),
    "proxy asks": b"HTTP/1.1 407 Proxy\r\nProxy-Authenticate: Basic\r\n",
    "other protocol asked": b"HTTP/1.1 426 Upgrade\r\nUpgrade: h2c\r\n",
    "try again at once": b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nLocation: http://10.0.0.1/\r\n",
}
"""Heads of answers that ask for a second connection."""

META_REFRESH = (
    b'<html><meta http-equiv="refresh" content="0; url=http://169.254.169.254/"><img src="//10.0.0.1/"></html>'
)


def redirecting_answers() -> dict[str, bytes]:
    """Whole answers by name; each body asks for the same as the heads do."""
    length = b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(META_REFRESH)
    bodiless = b"Content-Length: 0\r\n\r\n"
    return {
        name: head + (bodiless if head.startswith(b"HTTP/1.1 304") else length + META_REFRESH)
        for name, head in REDIRECTS.items()
    }
