"""A scanner that misses is worse than none: each encoding is planted and must be found."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.leakscan import encodings, scan_bytes, scan_process, scan_tree
from tests.simulators.upstream_routes import LIMITS, REFLECTIONS

SECRETS = {
    "token": "sk_live_Zq7/w+Xy=9%Kd\"\\<&' tail",
    "short": "a1B2c3D4",
    "unicode": "pässword-€-key",
    "long": "Ab3/+" * 400,
}
CLEAN = b'{"id": 7, "note": "nothing to see, 100%25 &amp; sk_live_ \\u0041"}' * 50
FORMS = [(case, name) for case, secret in SECRETS.items() for name in encodings(secret)]


@pytest.mark.parametrize(("case", "name"), FORMS)
def test_each_encoding_is_found_where_planted(case: str, name: str) -> None:
    form = encodings(SECRETS[case])[name]
    assert name in scan_bytes(SECRETS[case], b"..." + form + b"...")


@pytest.mark.parametrize("case", SECRETS)
@pytest.mark.parametrize("form", sorted(REFLECTIONS.keys() - LIMITS))
def test_what_the_upstream_reflects_is_found(form: str, case: str) -> None:
    reflected = REFLECTIONS[form](SECRETS[case])
    assert scan_bytes(SECRETS[case], b"before " + reflected + b" after")


@pytest.mark.parametrize("form", sorted(LIMITS))
def test_a_documented_limit_is_indeed_one(form: str) -> None:
    assert scan_bytes(SECRETS["token"], REFLECTIONS[form](SECRETS["token"])) == []


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"user:", b"\xff\xfe", b"1234567"])
@pytest.mark.parametrize("after", [b"", b"z", b"zz", b"zzz"])
@pytest.mark.parametrize("case", SECRETS)
def test_base64_is_found_whatever_surrounds_the_secret(case: str, before: bytes, after: bytes) -> None:
    data = before + SECRETS[case].encode() + after
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data).rstrip(b"="), base64.encodebytes(data)):
        assert scan_bytes(SECRETS[case], encoded)


MIXTURES = {
    "percent, mixed case": b"%61%31%42%32c3%44%34",
    "percent of percent": b"%2561%2531B2c3D4",
    "json, mixed": b"\\u0061\\u0031B2c3D4",
    "html, mixed": b"&#97;&#x0031;B2&#099;3D&#X34;",
    "html in html": b"&amp;#97;1B2c3D4",
    "wrapped": b"a1B2\r\n c3D4",
    "percent of hex": b"%36%31314232633344%334",
}


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_found(name: str) -> None:
    assert scan_bytes("a1B2c3D4", b"<" + MIXTURES[name] + b">")


@pytest.mark.parametrize("case", SECRETS)
def test_wrapped_base64_inside_json_is_found(case: str) -> None:
    mime = base64.encodebytes(b"\xff\xff:" + SECRETS[case].encode() * 2).decode()
    assert scan_bytes(SECRETS[case], json.dumps({"echo": mime}).replace("/", "\\/").encode())


def test_hostile_bytes_are_searched_in_reasonable_time() -> None:
    # Unbounded repetition would make this one take minutes.
    assert scan_bytes(SECRETS["short"], b"\\" * 200_000 + b"&#" + b"0" * 200_000 + b"%" + b"25" * 100_000) == []


@pytest.mark.parametrize("case", SECRETS)
def test_clean_bytes_give_nothing(case: str) -> None:
    assert scan_bytes(SECRETS[case], CLEAN) == []


def test_a_binary_key_is_found() -> None:
    key = bytes(range(128, 160))
    assert scan_bytes(key, b"x" + key) == ["plain"]
    assert scan_bytes(key, key.hex().encode())


def test_a_secret_too_short_is_refused() -> None:
    with pytest.raises(ValueError):
        scan_bytes("abc", b"abc")


def test_a_tree_is_searched_in_contents_names_and_links(tmp_path: Path) -> None:
    secret = SECRETS["short"]
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "clean.txt").write_bytes(CLEAN)
    (tmp_path / "deep" / "er" / "wal").write_bytes(bytes(5000) + secret.encode())
    (tmp_path / f"{secret}.log").write_bytes(b"")
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    found = {(path.relative_to(tmp_path).as_posix(), encoding) for path, encoding in scan_tree(secret, tmp_path)}
    assert found == {("deep/er/wal", "plain"), (f"{secret}.log", "name: plain"), ("link", "plain")}


def test_a_missing_directory_is_not_called_clean(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_tree(SECRETS["short"], tmp_path / "absent")


CHILDREN = {
    # The memory case has the secret in no other place: its source text holds it backwards, in hexadecimal.
    "cmdline": (["a1B2c3D4-argument"], {}, ""),
    "environ": ([], {"LEAK": "a1B2c3D4"}, ""),
    "mem": ([], {}, "held = bytes.fromhex('3444336332423161')[::-1]; "),
}


@pytest.mark.parametrize("place", CHILDREN)
def test_a_process_is_searched(place: str) -> None:
    arguments, environment, statement = CHILDREN[place]
    code = f"{statement}print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        scan = scan_process("a1B2c3D4", child.pid)
        other = scan_process("never-anywhere"[::-1], child.pid)
        child.communicate(b"\n")
    assert {"cmdline", "environ"} <= set(scan.readable)
    if place in scan.readable:
        assert (place, "plain") in scan.found
    assert other.found == ()


def test_a_process_that_is_gone_is_not_called_clean() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    scan = scan_process("a1B2c3D4", child.pid)
    assert scan.readable == ()
    assert scan.unreadable == ("cmdline", "environ", "mem")
