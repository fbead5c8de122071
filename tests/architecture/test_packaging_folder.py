"""`packaging/` is a folder and no package: as one it would shadow the library of that name."""

import importlib.util

from tests.architecture.sources import ROOT


def test_the_packaging_folder_is_not_a_package() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()


def test_the_library_of_that_name_is_what_an_import_finds() -> None:
    found = importlib.util.find_spec("packaging.version")
    assert found is not None
    assert not str(found.origin).startswith(str(ROOT / "packaging"))
