"""The one URL parser: what passes, what is refused and by which rule."""

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import HostPort, is_ip_literal, parse_host_port, parse_url

ACCEPTED = [
    ("plain", "https://api.github.com/user", ("https", "api.github.com", 443, "/user", None)),
    ("no path", "https://api.github.com", ("https", "api.github.com", 443, "/", None)),
    ("query at once", "https://h.com?a=1", ("https", "h.com", 443, "/", "a=1")),
    ("empty query", "https://h.com/?", ("https", "h.com", 443, "/", "")),
    ("second question mark", "https://h.com/a?b?c", ("https", "h.com", 443, "/a", "b?c")),
    ("upper case host", "https://API.GitHub.COM/A", ("https", "api.github.com", 443, "/A", None)),
    ("upper case scheme", "HTTPS://h.com/", ("https", "h.com", 443, "/", None)),
    ("http", "http://h.com/", ("http", "h.com", 80, "/", None)),
    ("port", "https://h.com:8443/", ("https", "h.com", 8443, "/", None)),
    ("default port", "https://h.com:443/", ("https", "h.com", 443, "/", None)),
    ("highest port", "https://h.com:65535/", ("https", "h.com", 65535, "/", None)),
    ("dotted quad", "https://127.0.0.1/", ("https", "127.0.0.1", 443, "/", None)),
    ("ipv6", "https://[2606:4700::1111]:8443/x", ("https", "2606:4700::1111", 8443, "/x", None)),
    ("ipv6 upper case", "https://[2606:4700::ABCD]/", ("https", "2606:4700::abcd", 443, "/", None)),
    ("loopback ipv6", "http://[::1]:80/", ("http", "::1", 80, "/", None)),
    ("A-label", "https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443, "/", None)),
    ("single label", "http://localhost:9000/", ("http", "localhost", 9000, "/", None)),
    ("digits first", "https://1password.com/", ("https", "1password.com", 443, "/", None)),
    ("numeric inner label", "https://127.0.0.1.nip.io/", ("https", "127.0.0.1.nip.io", 443, "/", None)),
    ("escapes kept", "https://h.com/a%2Fb%2fc%20?q=%C3%A9", ("https", "h.com", 443, "/a%2Fb%2fc%20", "q=%C3%A9")),
    ("double slash kept", "https://h.com//a//b", ("https", "h.com", 443, "//a//b", None)),
    ("brackets in query", "https://h.com/?filter[x]=1", ("https", "h.com", 443, "/", "filter[x]=1")),
    ("semicolon", "https://h.com/a;b=c", ("https", "h.com", 443, "/a;b=c", None)),
    ("dots in a name", "https://h.com/a..b/.well-known/...", ("https", "h.com", 443, "/a..b/.well-known/...", None)),
    ("dots in the query", "https://h.com/?p=../..", ("https", "h.com", 443, "/", "p=../..")),
    ("at sign in path", "https://h.com/@user", ("https", "h.com", 443, "/@user", None)),
    ("colon in path", "https://h.com/a:b", ("https", "h.com", 443, "/a:b", None)),
    ("longest label", f"https://{'a' * 63}.com/", ("https", f"{'a' * 63}.com", 443, "/", None)),
    ("longest url", "https://h.com/" + "a" * 8178, ("https", "h.com", 443, "/" + "a" * 8178, None)),
]

REFUSED = [
    ("empty", "", "url_form"),
    ("relative", "/user", "url_form"),
    ("no scheme", "api.github.com/user", "url_form"),
    ("scheme relative", "//h.com/", "url_form"),
    ("one slash", "https:/h.com/", "url_form"),
    ("no slashes", "https:h.com", "url_form"),
    ("digit scheme", "1https://h.com/", "url_form"),
    ("ftp", "ftp://h.com/", "url_scheme"),
    ("file", "file:///etc/passwd", "url_scheme"),
    ("gopher", "gopher://h.com/", "url_scheme"),
    ("wss", "wss://h.com/", "url_scheme"),
    ("unix", "http+unix://h.com/", "url_scheme"),
    ("user", "https://user@h.com/", "url_userinfo"),
    ("user and password", "https://u:p@h.com/", "url_userinfo"),
    ("empty user", "https://@h.com/", "url_userinfo"),
    ("host as user", "https://api.github.com@evil.com/", "url_userinfo"),
    ("fragment", "https://h.com/#x", "url_fragment"),
    ("empty fragment", "https://h.com/#", "url_fragment"),
    ("fragment in host", "https://evil.com#@h.com/", "url_fragment"),
    ("backslash", "https://h.com\\@evil.com/", "url_characters"),
    ("backslash in path", "https://h.com/a\\b", "url_characters"),
    ("blank", "https://h.com/a b", "url_characters"),
    ("leading blank", " https://h.com/", "url_characters"),
    ("trailing blank", "https://h.com/ ", "url_characters"),
    ("trailing newline", "https://h.com/\n", "url_characters"),
    ("tab", "https://h.c\tom/", "url_characters"),
    ("line feed", "https://h.com/a\nb", "url_characters"),
    ("carriage return", "https://h.com/\r\nX: y", "url_characters"),
    ("NUL", "https://h.com/\0", "url_characters"),
    ("DEL", "https://h.com/\x7f", "url_characters"),
    ("non-ASCII path", "https://h.com/é", "url_characters"),
    ("non-ASCII host", "https://bücher.example/", "url_characters"),
    ("full-width dot", "https://h。com/", "url_characters"),
    ("circled digits", "https://①②⑦.0.0.1/", "url_characters"),
    ("lone surrogate", "https://h.com/\ud800", "url_characters"),
    ("quote", 'https://h.com/"', "url_characters"),
    ("angle bracket", "https://h.com/<b>", "url_characters"),
    ("brace", "https://h.com/{id}", "url_characters"),
    ("bar", "https://h.com/a|b", "url_characters"),
    ("bare percent", "https://h.com/100%", "url_escape"),
    ("short escape", "https://h.com/%4", "url_escape"),
    ("not hexadecimal", "https://h.com/%zz", "url_escape"),
    ("escape in query", "https://h.com/?a=%g1", "url_escape"),
    ("encoded NUL", "https://h.com/%00", "url_escape"),
    ("encoded NUL in query", "https://h.com/?a=%00", "url_escape"),
    ("dot segment", "https://h.com/a/./b", "url_dot_segment"),
    ("double dot segment", "https://h.com/a/../b", "url_dot_segment"),
    ("double dot at end", "https://h.com/a/..", "url_dot_segment"),
    ("dot at end", "https://h.com/a/.", "url_dot_segment"),
    ("encoded dots", "https://h.com/%2e%2e/b", "url_dot_segment"),
    ("half encoded dots", "https://h.com/.%2E/b", "url_dot_segment"),
    ("encoded slash", "https://h.com/a/..%2fb", "url_dot_segment"),
    ("encoded backslash", "https://h.com/a/..%5Cb", "url_dot_segment"),
    ("path parameter", "https://h.com/a/..;/b", "url_dot_segment"),
    ("encoded path parameter", "https://h.com/a/..%3Bx/b", "url_dot_segment"),
    ("no host", "https:///path", "url_host"),
    ("no host with port", "https://:443/", "url_host"),
    ("trailing dot", "https://h.com./", "url_host"),
    ("leading dot", "https://.h.com/", "url_host"),
    ("double dot", "https://h..com/", "url_host"),
    ("underscore", "https://a_b.com/", "url_host"),
    ("leading hyphen", "https://-a.com/", "url_host"),
    ("trailing hyphen", "https://a-.com/", "url_host"),
    ("percent in host", "https://h%2ecom/", "url_host"),
    ("star", "https://*.h.com/", "url_host"),
    ("long label", f"https://{'a' * 64}.com/", "url_host"),
    ("long host", f"https://{'a.' * 126}com/", "url_host"),
    ("short quad", "https://127.1/", "url_host"),
    ("three parts", "https://127.0.1/", "url_host"),
    ("hexadecimal quad", "https://0x7f.1/", "url_host"),
    ("hexadecimal number", "https://0x7f000001/", "url_host"),
    ("hexadecimal last", "https://127.0.0.0x1/", "url_host"),
    ("bare 0x", "https://h.0x/", "url_host"),
    ("decimal number", "https://2130706433/", "url_host"),
    ("octal quad", "https://0177.0.0.1/", "url_host"),
    ("leading zeros", "https://127.0.0.01/", "url_host"),
    ("too great a part", "https://256.0.0.1/", "url_host"),
    ("five parts", "https://1.2.3.4.5/", "url_host"),
    ("numeric top label", "https://example.123/", "url_host"),
    ("bare ipv6", "https://::1/", "url_host"),
    ("open bracket", "https://[::1/", "url_host"),
    ("empty brackets", "https://[]/", "url_host"),
    ("name in brackets", "https://[h.com]/", "url_host"),
    ("quad in brackets", "https://[127.0.0.1]/", "url_host"),
    ("long ipv6", "https://[0:0:0:0:0:0:0:1]/", "url_host"),
    ("zeros in ipv6", "https://[2606:4700::0001]/", "url_host"),
    ("mapped", "https://[::ffff:7f00:1]/", "url_host"),
    ("mapped with dots", "https://[::ffff:127.0.0.1]/", "url_host"),
    ("zone", "https://[fe80::1%25eth0]/", "url_host"),
    ("port zero", "https://h.com:0/", "url_port"),
    ("port too great", "https://h.com:65536/", "url_port"),
    ("port with zeros", "https://h.com:0443/", "url_port"),
    ("empty port", "https://h.com:/", "url_port"),
    ("two ports", "https://h.com:80:443/", "url_port"),
    ("signed port", "https://h.com:+443/", "url_port"),
    ("named port", "https://h.com:https/", "url_port"),
    ("noise after bracket", "https://[::1]x/", "url_port"),
    ("too long", "https://h.com/" + "a" * 8179, "url_length"),
]


@pytest.mark.parametrize(("raw", "parts"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_a_plain_url_is_read_as_written(raw: str, parts: tuple[str, str, int, str, str | None]) -> None:
    url = parse_url(raw)
    assert (url.scheme, url.host, url.port, url.raw_path, url.raw_query) == parts


@pytest.mark.parametrize("raw", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_the_text_of_a_url_reads_as_the_same_url(raw: str) -> None:
    url = parse_url(raw)
    if len(url.text) <= 8192:
        assert parse_url(url.text) == url


@pytest.mark.parametrize(("raw", "rule"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_doubtful_url_is_refused_by_its_rule(raw: str, rule: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_url(raw)
    assert refused.value.details["rule"] == rule
    assert refused.value.details["field"] == "url"
    assert refused.value.details["hint"]


WRITTEN = [
    ("default port left out", "https://h.com:443/a?b", "https://h.com", "h.com", "/a?b", "https://h.com/a?b"),
    ("http on 443", "http://h.com:443/", "http://h.com:443", "h.com:443", "/", "http://h.com:443/"),
    ("ipv6", "https://[2606::1]/", "https://[2606::1]", "[2606::1]", "/", "https://[2606::1]/"),
    ("ipv6 port", "https://[2606::1]:8443", "https://[2606::1]:8443", "[2606::1]:8443", "/", "https://[2606::1]:8443/"),
    ("empty query", "https://h.com/?", "https://h.com", "h.com", "/?", "https://h.com/?"),
]


@pytest.mark.parametrize(("raw", "origin", "authority", "target", "text"), [row[1:] for row in WRITTEN])
def test_the_parts_are_written_back(raw: str, origin: str, authority: str, target: str, text: str) -> None:
    url = parse_url(raw)
    assert (url.origin, url.authority, url.target, url.text) == (origin, authority, target, text)


BINDINGS = [
    ("api.github.com", HostPort("api.github.com", 443), "api.github.com:443"),
    ("127.0.0.1:8080", HostPort("127.0.0.1", 8080), "127.0.0.1:8080"),
    ("localhost:9000", HostPort("localhost", 9000), "localhost:9000"),
    ("[::1]:8443", HostPort("::1", 8443), "[::1]:8443"),
    ("[::1]", HostPort("::1", 443), "[::1]:443"),
]


@pytest.mark.parametrize(("raw", "pair", "text"), BINDINGS)
def test_a_binding_is_a_host_and_a_port(raw: str, pair: HostPort, text: str) -> None:
    assert parse_host_port(raw) == pair
    assert pair.text == text
    assert parse_host_port(pair.text) == pair


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "https://h.com",
        "h.com/",
        "h.com:",
        "h.com:0",
        "u@h.com",
        "h.com\n",
        "bücher.de",
        "*.h.com",
        "a" * 400,
        "[::1",
        "\u212a.com",
    ],
)
def test_a_doubtful_binding_is_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_host_port(raw)


def test_a_binding_takes_the_default_port_it_is_given() -> None:
    assert parse_host_port("h.com", 80) == HostPort("h.com", 80)


def test_the_pair_of_a_url_is_what_bindings_are_compared_with() -> None:
    assert parse_url("http://127.0.0.1:8080/x").host_port == parse_host_port("127.0.0.1:8080")


@pytest.mark.parametrize(
    ("host", "is_literal"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("h.com", False),
        ("localhost", False),
        ("h.a1", False),
        ("127.0.0.1.io", False),
    ],
)
def test_an_address_is_told_from_a_name(host: str, is_literal: bool) -> None:
    assert is_ip_literal(host) is is_literal


@pytest.mark.parametrize("raw", ["https://h.com", "http://h.com:8080/", "h.com/path"])
def test_a_url_in_place_of_a_host_is_told_apart(raw: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_host_port(raw)
    assert "without http://" in refused.value.message
