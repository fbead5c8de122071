"""The generated pages: everything stands on them, and a stale one is noticed."""

from pathlib import Path

import pytest

from stack_local.settings import Settings
from stack_local.surfaces import docs
from stack_local.wire.catalogue import CATALOGUE, Operation

PAGE = docs.operations_page()


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=lambda operation: operation.name)
def test_an_operation_stands_on_its_page_with_all_its_fields(operation: Operation) -> None:
    section = PAGE.partition(f"\n### {operation.name}\n")[2].partition("\n### ")[0]
    assert operation.tool in section
    assert operation.path in section
    assert operation.scope is None or operation.scope in section
    assert all(f"\n| `{name}` |" in section for name in operation.request.model_fields)


def test_no_row_of_a_table_has_more_cells_than_its_head() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}


def test_every_link_of_the_page_leads_to_a_section_of_it() -> None:
    linked = {part.partition(")")[0] for part in PAGE.split("](#")[1:]}
    sections = {line.removeprefix("### ").lower() for line in PAGE.splitlines() if line.startswith("### ")}
    assert linked <= sections


def test_a_setting_stands_on_its_page_with_its_default() -> None:
    page = docs.settings_page()
    assert all(f"| `{name}` | `{getattr(Settings(), name)}` |" in page for name in Settings.__slots__)


def test_written_pages_are_fresh_and_a_changed_one_is_named(tmp_path: Path) -> None:
    assert docs.main(["--check", str(tmp_path)]) == 1
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "settings.md").write_text("other")
    assert docs.stale_pages(tmp_path) == ["settings.md"]
    assert docs.main(["--check", str(tmp_path)]) == 1
