"""Secrets that are kept elsewhere: how a place is written, and the asking at the moment of use.

`op://vault/item/field` or `op://vault/item/section/field` (1Password), `bw://item/field` (Bitwarden),
`hcv://mount/path#field` (HashiCorp Vault), `pass://path` or `pass://path#field` (pass). A reference is no secret.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from stack_local.domain.errors import InvalidRequest, Locked, NotFound, UpstreamTimedOut
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.vault.programs import RUN_SECONDS, Program, Programs
from stack_local.vault.vault import Vault

MAX_CHARACTERS = 512
"""Of a reference."""

MAX_PARTS = 16
"""Of a reference's path."""

KEPT_SECONDS = 60.0
"""How long a secret that was asked for is used again without asking."""

BITWARDEN_FIELDS = ("password", "username", "notes")
"""What Bitwarden's command gives of an item by name. One-time codes are no credentials."""

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@+ -]{0,126}[A-Za-z0-9_.@+-])?", re.ASCII)
# It never begins like an option, and is never a dot segment.


class Keeper(StrEnum):
    """Who keeps a secret, by the scheme of its references."""

    ONE_PASSWORD = "op"  # noqa: S105 (a program)
    BITWARDEN = "bw"
    HASHICORP_VAULT = "hcv"
    PASS = "pass"  # noqa: S105 (a program)


_PROGRAMS = {
    Keeper.ONE_PASSWORD: Program(
        "op", "the 1Password command", re.compile(r"OP_[A-Z0-9_a-z]+"), "log in with `op signin`, or unlock the app"
    ),
    Keeper.BITWARDEN: Program(
        "bw",
        "the Bitwarden command",
        re.compile(r"BW_[A-Z_]+|BITWARDENCLI_[A-Z_]+"),
        "start stack-local with the BW_SESSION that `bw unlock` prints",
    ),
    Keeper.HASHICORP_VAULT: Program(
        "vault", "the HashiCorp Vault command", re.compile(r"VAULT_[A-Z_]+"), "log in with `vault login`"
    ),
    Keeper.PASS: Program(
        "pass", "pass", re.compile(r"PASSWORD_STORE_[A-Z_]+|GNUPGHOME"), "does `pass show` work without a terminal?"
    ),
}

_FORMS = {
    Keeper.ONE_PASSWORD: "op://vault/item/field",
    Keeper.BITWARDEN: "bw://item/" + " or bw://item/".join(BITWARDEN_FIELDS),
    Keeper.HASHICORP_VAULT: "hcv://mount/path#field",
    Keeper.PASS: "pass://path or pass://path#field",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is kept, as `parse_reference` read it."""

    keeper: Keeper
    path: tuple[str, ...]
    field: str | None = None
    """What stands behind the `#`."""

    @property
    def text(self) -> str:
        """As it is written."""
        path = "/".join(self.path)
        return f"{self.keeper}://{path}" if self.field is None else f"{self.keeper}://{path}#{self.field}"


def is_reference(text: str) -> bool:
    """Whether a text is meant as one; `parse_reference` says whether it is good."""
    return text.startswith(tuple(f"{keeper}://" for keeper in Keeper))


def names_reference(fields: Mapping[str, Secret]) -> bool:
    """Whether a field of a credential says where its secret is kept."""
    return any(is_reference(secret.reveal()) for secret in fields.values())


def parse_reference(text: str) -> Reference:
    """Read a reference.

    Raises:
        InvalidRequest: it is not in the form of its keeper, which `rule` names.
    """
    if not is_reference(text):
        _refuse("this is no reference to a secret", " or ".join(_FORMS.values()))
    scheme, _, rest = text.partition("://")
    keeper = Keeper(scheme)
    if len(text) > MAX_CHARACTERS:
        _refuse("the reference is too long", f"at most {MAX_CHARACTERS} characters")
    raw_path, mark, field = rest.partition("#")
    path = tuple(raw_path.split("/"))
    for part in (*path, field) if mark else path:
        if not _PART.fullmatch(part):
            rule = f"{_FORMS[keeper]}; each part of letters, digits and inner blanks, `.`, `_`, `-`, `@`, `+`"
            _refuse("a part of the reference is empty or has another character", rule)
    reference = Reference(keeper, path, field if mark else None)
    if not _has_form(reference):
        _refuse("the reference has too few parts, or too many", _FORMS[keeper])
    return reference


class Keepers:
    """Asks a keeper for a secret when it is used. Kept in memory for a minute at most; forgotten at lock."""

    def __init__(self, programs: Programs, vault: Vault, system: System) -> None:
        self._programs = programs
        self._vault = vault
        self._system = system
        self._kept: dict[Reference, tuple[float, Secret]] = {}
        self._times_forgotten = 0
        self._turns = {keeper: asyncio.Lock() for keeper in Keeper}
        vault.on_lock(self.forget)

    async def resolve(self, reference: Reference) -> Secret:
        """The secret, as its keeper has it now or had it within the minute.

        Raises:
            Locked: the vault is locked, or was meanwhile.
            NotFound: the entry of `pass` has no such field.
            Unavailable: the keeper's program is not installed.
            UpstreamFailed: it gave no secret; `said` is how it complained.
            UpstreamTimedOut: it did not answer in time, to this or to those before.
        """
        self._check_unlocked()
        if (kept := self._find(reference)) is not None:
            return kept
        # One at a time, so that ten calls ask the person once.
        async with self._turn(reference.keeper):
            self._check_unlocked()
            return self._find(reference) or await self._ask(reference)

    async def filled(self, fields: Mapping[str, Secret]) -> dict[str, Secret]:
        """A credential's fields, each reference in its secret's place.

        Raises:
            StackError: as `resolve`.
        """
        return {
            name: await self.resolve(parse_reference(secret.reveal())) if is_reference(secret.reveal()) else secret
            for name, secret in fields.items()
        }

    def forget(self) -> None:
        """Drop every secret, and what a program still on its way brings."""
        self._kept.clear()
        self._times_forgotten += 1

    def forget_old(self) -> None:
        """Drop every secret whose minute is over."""
        now = self._system.monotonic()
        self._kept = {reference: kept for reference, kept in self._kept.items() if now < kept[0]}

    def _find(self, reference: Reference) -> Secret | None:
        self.forget_old()
        kept = self._kept.get(reference)
        return None if kept is None else kept[1]

    async def _ask(self, reference: Reference) -> Secret:
        times_forgotten = self._times_forgotten
        printed = await self._programs.run(_PROGRAMS[reference.keeper], *_arguments(reference))
        if times_forgotten != self._times_forgotten:
            raise Locked("the vault was locked meanwhile", hint="ask the person at the terminal to unlock it")
        secret = _entry_part(printed, reference.field) if reference.keeper is Keeper.PASS else printed
        self._kept[reference] = (self._system.monotonic() + KEPT_SECONDS, secret)
        return secret

    def _check_unlocked(self) -> None:
        if not self._vault.is_unlocked:
            raise Locked("the vault is locked", hint="ask the person at the terminal to unlock it")

    @asynccontextmanager
    async def _turn(self, keeper: Keeper) -> AsyncIterator[None]:
        turn = self._turns[keeper]
        try:
            async with asyncio.timeout(RUN_SECONDS):
                await turn.acquire()
        except TimeoutError:
            raise UpstreamTimedOut(f"{_PROGRAMS[keeper].title} is busy", hint=_PROGRAMS[keeper].hint) from None
        try:
            yield
        finally:
            turn.release()


def _has_form(reference: Reference) -> bool:
    parts, has_field = len(reference.path), reference.field is not None
    match reference.keeper:
        case Keeper.ONE_PASSWORD:
            return parts in (3, 4) and not has_field
        case Keeper.BITWARDEN:
            return parts == 2 and reference.path[1] in BITWARDEN_FIELDS and not has_field
        case Keeper.HASHICORP_VAULT:
            return 2 <= parts <= MAX_PARTS and has_field
        case Keeper.PASS:
            return parts <= MAX_PARTS


def _arguments(reference: Reference) -> tuple[str, ...]:
    path = "/".join(reference.path)
    match reference.keeper:
        case Keeper.ONE_PASSWORD:
            return ("read", "--no-newline", reference.text)
        case Keeper.BITWARDEN:
            item, field = reference.path
            return ("--nointeraction", "get", field, item)
        case Keeper.HASHICORP_VAULT:
            return ("kv", "get", f"-field={reference.field}", path)
        case Keeper.PASS:
            return ("show", path)


def _entry_part(entry: Secret, field: str | None) -> Secret:
    """The first line of an entry of `pass`, or what stands behind the field's name on one of the others."""
    first, *others = entry.reveal().replace("\r\n", "\n").split("\n")
    if field is None:
        found = first
    else:
        pairs = (line.partition(":") for line in others)
        found = next((value.strip() for name, _, value in pairs if name.strip().lower() == field.lower()), "")
    if not found:
        raise NotFound("the entry of pass has no such line", field=field)
    return Secret(found)


def _refuse(message: str, rule: str) -> NoReturn:
    raise InvalidRequest(message, field="credential", rule=rule)
