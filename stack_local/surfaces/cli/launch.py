"""What the command needs of the composition root, which it may not import: `__main__` hands one in."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from stack_local.domain.secrets import Secret

if TYPE_CHECKING:
    # `--version` must not wait for pydantic and httpx.
    from stack_local.client import Client
    from stack_local.wire.vault import Created


@dataclass(frozen=True, slots=True)
class DoctorLine:
    """One thing that was looked at."""

    level: Literal["ok", "warn", "fail"]
    text: str
    hint: str | None = None


class Launch(Protocol):
    """Starts and finds appliances. Every `home` is one that `home()` gave."""

    def home(self, option: str | None) -> Path:
        """The home: `--home`, else STACK_LOCAL_HOME, else the user's data directory. It need not exist."""
        ...

    def has_vault(self, home: Path) -> bool:
        """Whether a vault was set up there."""
        ...

    def running_socket(self, home: Path) -> Path | None:
        """The admin socket of the process that serves this home, if one answers."""
        ...

    def create(self, home: Path, passphrase: Secret) -> "Created":
        """Make the vault, with no process running.

        Raises:
            Conflict: there is a vault already (`VAULT_EXISTS`).
            InvalidRequest: the passphrase is too short.
        """
        ...

    def client(self, home: Path, passphrase: Secret | None) -> "AbstractAsyncContextManager[Client]":
        """A client of the live process, or of the vault opened in this process where none runs.

        Raises:
            Unavailable: no process runs and no passphrase is given (`NOT_RUNNING`).
        """
        ...

    def serve(
        self, home: Path, *, host: str | None, port: int | None, passphrase: Secret | None, ready_file: Path | None
    ) -> int:
        """Serve until a signal; the exit status. Without a passphrase the vault stays sealed until `unlock`."""
        ...

    def terminal(self, home: Path, *, attach: Path | None, host: str | None, port: int | None) -> int:
        """Server and screen in this process, or the screen alone where a process runs already."""
        ...

    def demo(self, *, yes: bool) -> int:
        """A tour in a throw-away home; `yes` answers its questions."""
        ...

    def self_test(self) -> int:
        """Whether this build has all its parts: for packaging."""
        ...

    def doctor(self, home: Path) -> list[DoctorLine]:
        """What is well and what is not, without changing anything."""
        ...
