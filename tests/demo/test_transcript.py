"""The demo's own search for its credential."""

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from stack_local.demo.transcript import Transcript, files_with, forms_found
from stack_local.domain.secrets import Secret

SECRET = "demo+Zk9/x0aa==b+7/Qz"
RAW = SECRET.encode()

FORMS = (
    ("plain", RAW),
    ("hex", RAW.hex().encode()),
    ("hex", RAW.hex().upper().encode()),
    ("percent", quote(RAW, safe="").encode()),
    ("percent", "".join(f"%{byte:02x}" for byte in RAW).encode()),
    ("base64", base64.b64encode(b"Bearer " + RAW + b" and more")),
    ("base64", base64.b64encode(b"a Bearer " + RAW)),
    ("base64", base64.b64encode(b"my Bearer " + RAW + b"!")),
    ("base64", base64.urlsafe_b64encode(b"x" + RAW)),
)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_each_form_is_found_wherever_it_stands(name: str, form: bytes) -> None:
    assert forms_found(Secret(SECRET), b'{"before": "' + form + b'", "after": 1}') == [name]


def test_what_is_not_there_is_not_found() -> None:
    assert forms_found(Secret(SECRET), b"demo+Zk9/x0aa==b+7/QZ demo") == []


def test_a_file_that_holds_the_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"x" + RAW.hex().encode())
    (tmp_path / "other").write_bytes(b"nothing")
    assert files_with(Secret(SECRET), tmp_path) == ["deep/log"]


def test_a_transcript_keeps_what_is_repeated_once_and_leaves_nothing_out() -> None:
    transcript = Transcript()
    for content in ("one", "one", {"two": SECRET}, object):
        transcript.note("input", content)
    assert len(transcript) == 3
    assert forms_found(Secret(SECRET), transcript.text.encode()) == ["plain"]
