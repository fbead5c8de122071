"""`python -m tests.architecture.shrink`: take off the excused list what has its test by now. It never adds."""

from tests.architecture.sources import ROOT
from tests.architecture.test_file_names import EXCUSED, excused, sources_without_a_test

if __name__ == "__main__":
    left = sorted(excused() & sources_without_a_test())
    (ROOT / EXCUSED).write_text("".join(f"{path}\n" for path in left))
    print(f"{len(left)} excused, {len(excused()) - len(left)} taken off")
