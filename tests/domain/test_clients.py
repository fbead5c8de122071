"""Redirect URIs, one variant a line: what may be registered, what a request may then name, what a person is shown."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stack_local.domain.clients import (
    MAX_NAME_CHARACTERS,
    MAX_REDIRECT_BYTES,
    allows_redirect,
    clean_name,
    is_loopback,
    is_reserved,
    publisher,
    redirect_host,
    redirect_origin,
    refused_redirect,
)

REGISTERED = {
    "https": "https://app.test/cb",
    "https with a port": "https://app.test:8443/cb",
    "https without a path": "https://app.test",
    "https with a query": "https://app.test/cb?tenant=1",
    "https on an IPv6 address": "https://[2606:4700::1111]/cb",
    "an A-label": "https://xn--bcher-kva.example/cb",
    "loopback by address": "http://127.0.0.1/cb",
    "loopback with a port": "http://127.0.0.1:49152/cb",
    "loopback in IPv6": "http://[::1]:49152/cb",
    "loopback by name": "http://localhost:8787/callback",
    "loopback with a bare slash": "http://127.0.0.1:33418/",
    "a reversed domain": "com.example.app:/oauth2redirect",
    "a reversed domain with an authority": "com.example.app://cb",
    "Cursor's own scheme": "cursor://anysphere.cursor-mcp/oauth/callback",
    "the longest": "https://app.test/" + "a" * (MAX_REDIRECT_BYTES - 17),
}
"""RFC 8252, sections 7.1 to 7.3."""

NEVER_REGISTERED = {
    "nothing": "",
    "relative": "/cb",
    "no scheme": "app.test/cb",
    "a scheme alone": "https:",
    "no host": "https:///cb",
    "one slash": "https:/app.test/cb",
    "http elsewhere": "http://evil.test/cb",
    "http elsewhere, ours as a prefix": "http://127.0.0.1.evil.test/cb",
    "http elsewhere, ours as a user": "http://localhost@evil.test/cb",
    "http on another loopback address": "http://127.0.0.2/cb",
    "http on a short loopback address": "http://127.1/cb",
    "http on loopback as a number": "http://2130706433/cb",
    "http on loopback in octal": "http://0177.0.0.1/cb",
    "http on all addresses": "http://0.0.0.0/cb",
    "http on a mapped address": "http://[::ffff:127.0.0.1]/cb",
    "http on a name with a trailing dot": "http://localhost./cb",
    "a fragment": "https://app.test/cb#x",
    "an empty fragment": "https://app.test/cb#",
    "a wildcard host": "https://*.x/cb",
    "a wildcard path": "https://app.test/*",
    "a wildcard port": "http://127.0.0.1:*/cb",
    "a user name": "https://user@app.test/cb",
    "a user name and a password": "https://u:p@app.test/cb",
    "an empty user name": "https://@app.test/cb",
    "a backslash": "https://app.test\\@evil.test/cb",
    "a blank": "https://app.test/c b",
    "a leading blank": " https://app.test/cb",
    "a trailing line feed": "https://app.test/cb\n",
    "a line feed inside": "https://app.test/cb\r\nX-Evil: 1",
    "a tab in the scheme": "java\tscript:alert(1)",
    "NUL": "https://app.test/cb\0",
    "DEL": "https://app.test/cb\x7f",
    "an IDN": "https://bücher.example/cb",
    "a full-width dot": "https://app。test/cb",
    "a lone surrogate": "https://app.test/\ud800",
    "a direction mark": "https://app.test/\u202ecb",
    "a port that is no number": "https://app.test:https/cb",
    "a port beyond 65535": "https://app.test:65536/cb",
    "a broken IPv6 address": "https://[::1/cb",
    "a semicolon in the host": "https://app.test;sandbox/cb",
    "a comma in the host": "https://app.test,evil.test/cb",
    "a quote in the host": "https://app.test'/cb",
    "an escape in the host": "https://app%2etest/cb",
    "javascript": "javascript:alert(1)",
    "javascript in capitals": "JavaScript://app.test/%0aalert(1)",
    "data": "data:text/html,<script>",
    "file": "file:///etc/passwd",
    "blob": "blob:https://app.test/1",
    "about": "about:blank",
    "view-source": "view-source:https://app.test/",
    "vbscript": "vbscript:x",
    "ftp": "ftp://app.test/cb",
    "ws": "ws://app.test/cb",
    "mailto": "mailto:a@app.test",
    "a scheme without a dot or an authority": "myapp:/cb",
    "a scheme that begins with a digit": "1app.test:/cb",
    "too long": "https://app.test/" + "a" * (MAX_REDIRECT_BYTES - 16),
}
"""O-08; RFC 8252, section 8.4; RFC 9700, section 4.1.3; RFC 6749, section 3.1.2."""

EXACT = "https://app.test/cb"

OTHER_THAN_EXACT = {
    "a trailing slash": "https://app.test/cb/",
    "an upper-case path": "https://app.test/CB",
    "an upper-case host": "https://APP.test/cb",
    "an upper-case scheme": "HTTPS://app.test/cb",
    "a query": "https://app.test/cb?x=1",
    "an empty query": "https://app.test/cb?",
    "a fragment": "https://app.test/cb#x",
    "a user name": "https://app.test@evil.test/cb",
    "ours as a user name": "https://app.test%2fcb@evil.test/cb",
    "dot segments": "https://app.test/x/../cb",
    "escaped dots": "https://app.test/x/%2e%2e/cb",
    "an escaped letter": "https://app.test/%63b",
    "a longer path": "https://app.test/cb/../../evil",
    "a port": "https://app.test:8443/cb",
    "the scheme's own port": "https://app.test:443/cb",
    "http": "http://app.test/cb",
    "a sub-domain": "https://evil.app.test/cb",
    "ours as a sub-domain": "https://app.test.evil.test/cb",
    "a trailing dot": "https://app.test./cb",
    "an IDN twin": "https://аpp.test/cb",
    "CRLF": "https://app.test/cb\r\nX: y",
    "a trailing line feed": "https://app.test/cb\n",
    "a leading blank": " https://app.test/cb",
    "a trailing blank": "https://app.test/cb ",
    "a prefix": "https://app.test/c",
    "nothing": "",
    "a backslash": "https://app.test\\cb",
}
"""O-05; RFC 9700, section 2.1: exact string comparison."""

LOOPBACK = "http://127.0.0.1/cb"

SAME_BUT_FOR_THE_PORT = {
    "as it was registered": LOOPBACK,
    "a port": "http://127.0.0.1:51234/cb",
    "another port": "http://127.0.0.1:1/cb",
    "the highest port": "http://127.0.0.1:65535/cb",
}

OTHER_THAN_LOOPBACK = {
    "by name": "http://localhost:51234/cb",
    "in IPv6": "http://[::1]:51234/cb",
    "another path": "http://127.0.0.1:51234/cb2",
    "another address": "http://127.0.0.2:51234/cb",
    "a short address": "http://127.1/cb",
    "a short address with a port": "http://127.1:51234/cb",
    "octal": "http://0177.0.0.1:51234/cb",
    "a number": "http://2130706433:51234/cb",
    "an escaped dot": "http://127%2e0.0.1:51234/cb",
    "a mapped address": "http://[::ffff:127.0.0.1]:51234/cb",
    "https": "https://127.0.0.1:51234/cb",
    "an upper-case scheme": "HTTP://127.0.0.1:51234/cb",
    "an empty port": "http://127.0.0.1:/cb",
    "two ports": "http://127.0.0.1:1:51234/cb",
    "a port beyond 65535": "http://127.0.0.1:65536/cb",
    "a negative port": "http://127.0.0.1:-1/cb",
    "a port in other digits": "http://127.0.0.1:٥١/cb",
    "a port with a line feed": "http://127.0.0.1:51\n234/cb",
    "a user name after the port": "http://127.0.0.1:51234@evil.test/cb",
    "ours as a user name": "http://127.0.0.1:51234@evil.test:80/cb",
    "ours as a prefix": "http://127.0.0.1.evil.test:51234/cb",
    "a query": "http://127.0.0.1:51234/cb?x=1",
    "a fragment": "http://127.0.0.1:51234/cb#x",
    "a trailing slash": "http://127.0.0.1:51234/cb/",
    "dot segments": "http://127.0.0.1:51234/x/../cb",
    "a tab": "http://127.0.0.1:51234/c\tb",
    "a backslash": "http://127.0.0.1:51234\\@evil.test/cb",
    "no authority": "http:/127.0.0.1:51234/cb",
}
"""O-06; RFC 8252, section 7.3: the port alone."""


@pytest.mark.parametrize("uri", REGISTERED.values(), ids=REGISTERED)
def test_a_redirect_uri_may_be_registered(uri: str) -> None:
    assert refused_redirect(uri) is None


@pytest.mark.parametrize("uri", NEVER_REGISTERED.values(), ids=NEVER_REGISTERED)
def test_a_redirect_uri_is_never_registered(uri: str) -> None:
    assert refused_redirect(uri)


@pytest.mark.parametrize("uri", REGISTERED.values(), ids=REGISTERED)
def test_what_is_registered_may_be_asked_for_as_it_is(uri: str) -> None:
    assert allows_redirect(["https://first.test/cb", uri], uri)


@pytest.mark.parametrize("uri", OTHER_THAN_EXACT.values(), ids=OTHER_THAN_EXACT)
def test_a_request_names_an_https_redirect_exactly(uri: str) -> None:
    assert not allows_redirect([EXACT], uri)


@pytest.mark.parametrize("uri", SAME_BUT_FOR_THE_PORT.values(), ids=SAME_BUT_FOR_THE_PORT)
@pytest.mark.parametrize("registered", [LOOPBACK, "http://127.0.0.1:33418/cb"], ids=["no port", "a port"])
def test_on_loopback_the_port_is_free(registered: str, uri: str) -> None:
    assert allows_redirect([registered], uri)


@pytest.mark.parametrize("uri", OTHER_THAN_LOOPBACK.values(), ids=OTHER_THAN_LOOPBACK)
@pytest.mark.parametrize("registered", [LOOPBACK, "http://127.0.0.1:33418/cb"], ids=["no port", "a port"])
def test_on_loopback_nothing_but_the_port_is_free(registered: str, uri: str) -> None:
    assert not allows_redirect([registered], uri)


@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("http://localhost:8787/cb", "http://localhost:5/cb"),
        ("http://localhost/cb", "http://localhost:5/cb"),
        ("http://[::1]/cb", "http://[::1]:5/cb"),
        ("http://[::1]:8787/cb", "http://[::1]/cb"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:5/"),
    ],
)
def test_each_way_to_write_loopback_has_a_free_port(registered: str, requested: str) -> None:
    """Claude Code and Codex register one port and listen on another."""
    assert allows_redirect([registered], requested)


@pytest.mark.parametrize(
    "registered",
    ["https://127.0.0.1/cb", "https://localhost/cb", "cursor://127.0.0.1/cb", "com.example.app://127.0.0.1/cb"],
)
def test_only_plain_http_on_loopback_has_a_free_port(registered: str) -> None:
    scheme, _, rest = registered.partition("://")
    host, _, path = rest.partition("/")
    assert not allows_redirect([registered], f"{scheme}://{host}:51234/{path}")


def test_without_a_registered_redirect_none_is_allowed() -> None:
    assert not allows_redirect([], "http://127.0.0.1/cb")
    assert not allows_redirect([], "")


_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?(?=/)")

_near = st.builds(
    lambda uri, place, put, cut: uri[: min(place, len(uri))] + put + uri[min(place, len(uri)) + cut :],
    st.sampled_from([EXACT, LOOPBACK, "http://[::1]/cb", "http://localhost:8787/cb"]),
    st.integers(0, 30),
    st.text(max_size=6) | st.sampled_from([":1", ":80", "@", "@evil.test", "\n", "\t", "\\", "%2e", "//", "?", "#"]),
    st.integers(0, 4),
)


@given(requested=_near)
@example(requested="http://127.0.0.1:8\n0/cb")
@example(requested="http://127.0.0.1\t/cb")
def test_nothing_beyond_the_port_is_ever_loosened(requested: str) -> None:
    """Whatever is put into or cut out of a registered URI: allowed is itself, or itself with another port."""
    for registered in (EXACT, LOOPBACK, "http://[::1]/cb", "http://localhost:8787/cb"):
        if allows_redirect([registered], requested):
            assert _PORT.sub(r"\1", requested) == _PORT.sub(r"\1", registered)


@given(uri=st.text(max_size=60) | _near)
def test_what_may_be_registered_is_one_line_of_printable_ascii(uri: str) -> None:
    if refused_redirect(uri) is None:
        assert uri.isascii()
        assert uri.isprintable()
        assert " " not in uri


@given(uri=_near)
def test_what_may_be_registered_has_an_origin_that_ends_no_policy(uri: str) -> None:
    """It stands in a content security policy: a semicolon or a comma would begin another rule."""
    if refused_redirect(uri) is None:
        assert not set(redirect_origin(uri) or "") & set(";, '\"\n")


SHOWN = {
    "https": ("https://app.test/cb", "app.test", "https://app.test"),
    "a port": ("https://app.test:8443/cb", "app.test:8443", "https://app.test:8443"),
    "loopback": ("http://127.0.0.1:5/cb", "127.0.0.1:5", "http://127.0.0.1:5"),
    "a look-alike": ("https://app.test.evil.test/cb", "app.test.evil.test", "https://app.test.evil.test"),
    "a scheme": ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor:", None),
    "a reversed domain": ("com.example.app:/cb", "com.example.app:", None),
    "nothing that can be read": ("http://[::1/cb", "http://[::1/cb", None),
}


@pytest.mark.parametrize(("uri", "host", "origin"), SHOWN.values(), ids=SHOWN)
def test_a_person_is_shown_where_the_browser_goes(uri: str, host: str, origin: str) -> None:
    assert redirect_host(uri) == host
    assert redirect_origin(uri) == origin


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://127.0.0.1:5/cb", True),
        ("http://localhost/cb", True),
        ("http://[::1]:5/cb", True),
        ("https://127.0.0.1/cb", False),
        ("https://app.test/cb", False),
        ("cursor://localhost/cb", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_elsewhere(uri: str, expected: bool) -> None:
    assert is_loopback(uri) is expected


NAMES = {
    "as it is": ("Claude Code", "Claude Code"),
    "letters of the world": ("Übersetzer 翻訳", "Übersetzer 翻訳"),
    "markup is text": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "a terminal sequence": ("\x1b[31mred\x1b[0m", "[31mred[0m"),
    "another introducer": ("\x9b31mred", "31mred"),
    "a bell and a backspace": ("a\x07b\x08c", "abc"),
    "lines": ("one\r\ntwo", "onetwo"),
    "a line separator": ("one\u2028two", "one two"),
    "a direction override": ("\u202eedoc", "edoc"),
    "isolates": ("\u2066a\u2069", "a"),
    "zero width": ("st\u200back", "stack"),
    "marks on marks": ("Z\u0351\u0351\u0351algo", "Zalgo"),
    "a lone surrogate": ("a\ud800b", "ab"),
    "a private letter": ("a\ue000b", "ab"),
    "runs of blanks": ("  a \t  b\u3000c ", "a b c"),
    "nothing": ("", ""),
    "nothing but marks": ("\u200b\u202e\x1b", ""),
    "as long as it may be": ("a" * MAX_NAME_CHARACTERS, "a" * MAX_NAME_CHARACTERS),
    "too long": ("a" * 1000, "a" * MAX_NAME_CHARACTERS),
}


@pytest.mark.parametrize(("raw", "clean"), NAMES.values(), ids=NAMES)
def test_a_name_is_kept_as_text(raw: str, clean: str) -> None:
    assert clean_name(raw) == clean


@given(st.text(max_size=300))
def test_a_kept_name_is_short_and_is_kept_alike_again(raw: str) -> None:
    kept = clean_name(raw)
    assert len(kept) <= MAX_NAME_CHARACTERS
    assert clean_name(kept).rstrip() == kept.rstrip()
    assert "\x1b" not in kept
    assert "\u202e" not in kept


OURS = [
    "STACK",
    "stack",
    "Stack Local",
    "stack_local",
    "stack-local",
    "  Stack.Local ",
    "ｓｔａｃｋ",
    "𝐒𝐭𝐚𝐜𝐤",
    "s·t·a·c·k",
    "st\u200back",
    "S\u0301tack",
    "stack\u0301_local",
    "(stack)",
]


@pytest.mark.parametrize("name", OURS)
def test_our_name_is_ours_however_it_is_written(name: str) -> None:
    """As it is shown to a person, which is as it is kept."""
    assert is_reserved(clean_name(name))


@pytest.mark.parametrize("name", ["Claude Code", "Stack Overflow", "haystack", "stacklocalhost", "", "翻訳"])
def test_another_name_is_not_ours(name: str) -> None:
    assert not is_reserved(clean_name(name))


@pytest.mark.parametrize(
    ("client_id", "host"),
    [
        ("https://client.example.com/cimd.json", "client.example.com"),
        ("cli_0000000000000000000000", ""),
        ("stack-cli", ""),
        ("", ""),
    ],
)
def test_who_describes_a_client_is_the_host_of_its_address(client_id: str, host: str) -> None:
    assert publisher(client_id) == host
