"""Editing real files: atomically, with one backup, twice the same as once, and back again."""

import json
import os
import stat

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, StackError, Unavailable
from stack_local.surfaces.cli.config_entries import Entry
from stack_local.surfaces.cli.config_files import MAX_CONFIG_BYTES, ConfigFile, carry_out, plan_undo, plan_write

SERVER = Entry(("servers", "stack"), {"url": "http://127.0.0.1:7822/mcp"})
RULE = Entry(("permissions", "allow"), "stack:read", is_item=True)
TEXT = '{\n    "zeta": "ü",\n    "servers": {\n        "a": 1\n    }\n}\n'


@pytest.fixture
def file(tmp_path):
    return ConfigFile(tmp_path / "config.json", (SERVER, RULE))


@pytest.fixture
def toml_file(tmp_path):
    return ConfigFile(tmp_path / "config.toml", (SERVER,), form="toml")


def write(file, *, replace=False):
    edit = plan_write(file, replace=replace)
    carry_out(edit)
    return edit.is_change


def undo(file, *, replace=False):
    edit = plan_undo(file, replace=replace)
    carry_out(edit)
    return edit.is_change


def names(file):
    return sorted(os.listdir(file.path.parent))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private_and_has_no_backup(file):
    assert write(file)
    assert json.loads(file.path.read_text()) == {
        "servers": {"stack": SERVER.value},
        "permissions": {"allow": ["stack:read"]},
    }
    assert mode(file.path) == 0o600
    assert names(file) == ["config.json"]


def test_the_folder_of_a_new_file_is_made(tmp_path):
    assert write(ConfigFile(tmp_path / "a" / "b" / "config.json", (SERVER,)))


def test_a_file_keeps_its_mode_and_its_backup_says_what_it_was(file):
    file.path.write_text(TEXT)
    file.path.chmod(0o640)
    write(file)
    backup = file.path.with_name("config.json.before-stack-local")
    assert backup.read_text() == TEXT
    assert (mode(file.path), mode(backup)) == (0o640, 0o640)
    assert names(file) == ["config.json", backup.name]


def test_a_second_write_changes_nothing(file):
    file.path.write_text(TEXT)
    write(file)
    before = (file.path.read_bytes(), file.path.stat().st_ino)
    assert not write(file)
    assert (file.path.read_bytes(), file.path.stat().st_ino) == before


def test_another_port_is_written_and_the_backup_stays_the_first(file):
    file.path.write_text(TEXT)
    write(file)
    moved = ConfigFile(file.path, (Entry(SERVER.keys, {"url": "http://127.0.0.1:9/mcp/core"}), RULE))
    assert write(moved)
    assert json.loads(file.path.read_text())["servers"]["stack"] == {"url": "http://127.0.0.1:9/mcp/core"}
    assert file.path.with_name("config.json.before-stack-local").read_text() == TEXT


@pytest.mark.parametrize("text", [TEXT, "{}", "", '{"servers":{},"permissions":{"allow":["stack:read"]}}'], ids=repr)
def test_undo_gives_back_every_byte_where_nothing_else_changed(file, text):
    file.path.write_text(text)
    write(file)
    assert undo(file)
    assert file.path.read_text() == text
    assert names(file) == ["config.json"]


def test_undo_removes_a_file_that_was_made(file):
    write(file)
    assert undo(file)
    assert names(file) == []
    assert not undo(file)


def test_undo_leaves_what_others_changed_since(file):
    file.path.write_text(TEXT)
    write(file)
    file.path.write_text(json.dumps(json.loads(file.path.read_text()) | {"later": True}))
    undo(file)
    assert json.loads(file.path.read_text()) == {"zeta": "ü", "servers": {"a": 1}, "later": True}
    assert names(file) == ["config.json"]


def test_undo_of_a_made_file_that_others_wrote_to_since_keeps_it(file):
    write(file)
    file.path.write_text(json.dumps(json.loads(file.path.read_text()) | {"later": True}))
    undo(file)
    assert json.loads(file.path.read_text()) == {"later": True}


@pytest.mark.parametrize("theirs", [{"command": "x"}, {"url": "https://example.com/mcp"}, "text", None], ids=str)
def test_an_entry_of_somebody_else_is_not_overwritten_unless_told(file, theirs):
    text = json.dumps({"servers": {"stack": theirs}})
    file.path.write_text(text)
    for act in (write, undo):
        with pytest.raises(Conflict) as refused:
            act(file)
        assert refused.value.details["file"] == str(file.path)
        assert refused.value.details["field"] == "servers.stack"
    assert (file.path.read_text(), names(file)) == (text, ["config.json"])
    assert write(file, replace=True)
    assert undo(file)
    assert file.path.read_text() == text


def test_an_entry_that_was_replaced_comes_back_though_others_changed_the_file(file):
    file.path.write_text('{"servers": {"stack": {"command": "x"}}}')
    write(file, replace=True)
    file.path.write_text(json.dumps(json.loads(file.path.read_text()) | {"later": True}))
    undo(file)
    assert json.loads(file.path.read_text()) == {"servers": {"stack": {"command": "x"}}, "later": True}


def test_an_entry_to_which_a_person_added_is_left_alone(file):
    entry = {"servers": {"stack": {**SERVER.value, "headers": {"Authorization": "Bearer ${KEY}"}}}}
    file.path.write_text(json.dumps(entry | {"permissions": {"allow": ["stack:read"]}}))
    assert not write(file)
    with pytest.raises(Conflict):
        undo(file)


@pytest.mark.parametrize(
    "content",
    [b"// mine\n{}", b"[]", b'{"a": 1, "a": 2}', b"\xff{}", b'{"servers": []}', b'{"a": "\\ud800", "b": "\xc3\xbc"}'],
    ids=str,
)
def test_a_file_that_is_not_plain_json_is_refused_and_left(file, content):
    file.path.write_bytes(content)
    with pytest.raises(InvalidRequest) as refused:
        write(file)
    assert refused.value.code == "NOT_EDITABLE"
    assert refused.value.details["file"] == str(file.path)
    assert (file.path.read_bytes(), names(file)) == (content, ["config.json"])


def test_toml_is_written_and_undone_with_its_comments(toml_file):
    text = '# mine\nmodel = "x" # too\n'
    toml_file.path.write_text(text)
    assert write(toml_file)
    assert not write(toml_file)
    assert toml_file.path.read_text().startswith(text)
    assert undo(toml_file)
    assert toml_file.path.read_text() == text


def test_toml_that_others_wrote_to_since_loses_our_table_alone(toml_file):
    toml_file.path.write_text("# mine\na = 1\n")
    write(toml_file)
    with toml_file.path.open("a") as appended:
        appended.write("\n# theirs\n[b]\nc = 1\n")
    undo(toml_file)
    assert toml_file.path.read_text() == "# mine\na = 1\n\n# theirs\n[b]\nc = 1\n"


def test_a_table_that_was_replaced_comes_back(toml_file):
    text = '[servers.stack]\ncommand = "x"\n\n[servers.stack.env]\nA = "b"\n'
    toml_file.path.write_text(text)
    with pytest.raises(Conflict):
        write(toml_file)
    write(toml_file, replace=True)
    assert "command" not in toml_file.path.read_text()
    undo(toml_file)
    assert toml_file.path.read_text() == text


def test_a_link_is_followed_to_the_file_and_stays_a_link(tmp_path, file):
    real = tmp_path / "dotfiles" / "real.json"
    real.parent.mkdir()
    real.write_text(TEXT)
    file.path.symlink_to(real)
    write(file)
    assert file.path.is_symlink()
    assert "stack" in real.read_text()
    assert sorted(os.listdir(real.parent)) == ["real.json", "real.json.before-stack-local"]
    undo(file)
    assert real.read_text() == TEXT


def test_a_file_that_changed_after_the_plan_is_not_written(file):
    file.path.write_text(TEXT)
    edit = plan_write(file, replace=False)
    file.path.write_text("{}")
    with pytest.raises(Conflict):
        carry_out(edit)
    assert (file.path.read_text(), names(file)) == ("{}", ["config.json"])


def test_what_is_no_file_or_too_large_is_not_read(file):
    file.path.mkdir()
    with pytest.raises(StackError):
        write(file)
    file.path.rmdir()
    os.mkfifo(file.path)
    with pytest.raises(Unavailable):
        write(file)
    file.path.unlink()
    with file.path.open("wb") as large:
        large.truncate(MAX_CONFIG_BYTES + 1)
    with pytest.raises(Unavailable):
        write(file)
