"""The `stack-local` command. Heavy parts are imported when a sub-command needs them."""

import gc
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from stack_local.surfaces.cli import Launch


class LazyLaunch:
    """The real launch, imported when it is first asked for something: `--version` needs none of it."""

    def __getattr__(self, name: str) -> Any:
        # httpx brings a command of its own, and with it click, rich and pygments: 100 ms that we never use.
        sys.modules.setdefault("httpx._main", cast(Any, None))
        from stack_local.launch import RealLaunch

        return getattr(RealLaunch(), name)


def main() -> None:
    """Run the command and end with its exit status."""
    # Half of a start was the collector, which walked again and again what had just been imported.
    gc.set_threshold(50_000)
    from stack_local.surfaces.cli import main as run_command

    run_command(cast("Launch", LazyLaunch()))


if __name__ == "__main__":
    main()
