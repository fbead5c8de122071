"""The composition root: from Settings to a running appliance. Every lifetime is opened here, in reading order."""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from plugins import BUILTIN
from stack_local.dispatch import Dispatcher
from stack_local.domain.errors import Broken, Conflict, Locked, StackError, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.egress.client import Egress
from stack_local.egress.resolve import BriefMemory, Resolver, SystemResolver
from stack_local.egress.way import WAY_OUT, Chosen, Way
from stack_local.feed import Feed
from stack_local.jobs import Jobs
from stack_local.oauth.client_documents import FETCH_LIMITS, Sender
from stack_local.oauth.ground import Ground
from stack_local.oauth.renewals import Renewals
from stack_local.oauth.server import AuthorizationServer
from stack_local.oauth.token_endpoint import TOKEN_LIMITS, TokenEndpoint
from stack_local.operations.context import Core, Ports
from stack_local.operations.rates import RATES, Rates
from stack_local.plugin_api import Registrar
from stack_local.proxy.inspect import Inspector
from stack_local.proxy.pipeline import Pipeline
from stack_local.settings import Settings
from stack_local.store import audit, meta
from stack_local.store.audit import Scribe
from stack_local.store.database import Database, Tx
from stack_local.surfaces.auth import Authenticator
from stack_local.system import System, milliseconds
from stack_local.vault import anchor as anchors
from stack_local.vault import public_file, slots
from stack_local.vault.backoff import UnlockBackoff
from stack_local.vault.header import SlotKind
from stack_local.vault.keyring import KeyringPort, OperatingSystemKeyring
from stack_local.vault.keys import Keys
from stack_local.vault.profiles import Deriver, Profile
from stack_local.vault.programs import Programs
from stack_local.vault.references import Keepers
from stack_local.vault.sessions import Sessions
from stack_local.vault.signing import Signer
from stack_local.vault.vault import State, Vault
from stack_local.wire.vault import Created, SlotList, VaultState

log = logging.getLogger(__name__)

DATABASE_NAME = "vault.db"
PUBLIC_NAME = "public.json"
BACKOFF_NAME = "unlock.json"
LOCK_NAME = "lock"

SERVICE_USER_BELOW = 1000
"""User ids below this, but root's, are services: an appliance under one is not the agents' own user."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where one appliance keeps its files."""

    home: Path
    state: Path
    """The second directory: the anchor lives apart from the vault it watches."""
    admin_socket: Path


class HomeLock:
    """One process at a time owns a home (`flock`: it ends with the process, however that ends)."""

    def __init__(self, home: Path) -> None:
        """Take it.

        Raises:
            Conflict: another process has it.
            Unavailable: the home cannot be written.
        """
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(
                f"the home {home} cannot be written", code="HOME_UNWRITABLE", field="home", hint="choose another --home"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Conflict(
                "another process has this home", code="ALREADY_RUNNING", field="home", hint="use it, or stop it first"
            ) from None

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._file)


class Appliance:
    """One vault and what serves it. It is the `Appliance` of `operations/context.py`."""

    def __init__(
        self,
        places: Places,
        settings: Settings,
        system: System,
        profile: Profile,
        *,
        base_url: str,
        keyring: KeyringPort | None = None,
        document_sender: Sender | None = None,
        token_sender: Sender | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._places = places
        self._settings = settings
        self._system = system
        self._profile = profile
        self._base_url = base_url
        self._keyring = keyring or OperatingSystemKeyring()
        self._document_sender = document_sender
        self._token_sender = token_sender
        self._resolver = BriefMemory(resolver or SystemResolver())
        self._deriver = Deriver()
        self._backoff = UnlockBackoff(places.home / BACKOFF_NAME, system)
        self._core: Core | None = None
        self._egress: Egress | None = None
        self._documents_egress: Egress | None = None
        self._tokens_egress: Egress | None = None
        self._inspector: Inspector | None = None
        self._alarm: str | None = None
        self._anchored_at = 0.0
        self._anchored_sequence = -1
        self._opening = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._stop_jobs = asyncio.Event()
        self.wants_seal = False
        self.stopping = asyncio.Event()
        self.feed = Feed()
        self.rates = Rates(system, settings)
        self._way = Way()
        self.sessions = Sessions(
            system, idle_seconds=settings.session_idle_seconds, total_seconds=settings.session_seconds
        )
        ports = Ports(system, settings, self.sessions, self.feed, self.rates, self._way, self)
        self.dispatcher = Dispatcher(ports)
        self.agents_door = Authenticator(ports, is_person_side=False)
        self.person_door = Authenticator(ports, is_person_side=True)

    # -- what handlers see ---------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        if self._core is not None:
            return self._core.vault.state
        return State.SEALED if (self._places.home / slots.FILE_NAME).exists() else State.EMPTY

    @property
    def base_url(self) -> str:
        return self._base_url

    @property
    def alarm(self) -> str | None:
        return self._alarm

    @property
    def is_shared_user(self) -> bool:
        """Whether agents may run as the same user: then approvals are advisory, and the screen says so."""
        user = os.getuid()
        return user == 0 or user >= SERVICE_USER_BELOW

    def jwks(self) -> list[dict[str, str]]:
        if self._core is not None:
            return self._core.vault.jwks()
        found = public_file.find_public_file(self._places.home / PUBLIC_NAME)
        return [] if found is None else list(found.claimed.jwks()["keys"])

    def authorization_server(self) -> AuthorizationServer:
        """The OAuth endpoints' engine.

        Raises:
            Locked: the vault is sealed.
            Unavailable: it is older than its anchor, and nothing is done with it.
        """
        if self._core is None:
            raise Locked("the vault is sealed", rule="sealed", hint="a person unlocks it with `stack-local unlock`")
        if self._alarm is not None:
            raise Unavailable(f"the vault is read-only: {self._alarm}", rule="anchor", hint="see `stack-local doctor`")
        return self._core.oauth

    async def create(self, passphrase: Secret) -> Created:
        """Make the vault, open it and leave it unlocked."""
        async with self._opening:
            if self.state != State.EMPTY:
                raise Conflict("there is a vault here already", code="VAULT_EXISTS", field="home")
            home = self._places.home
            keys, code = await asyncio.to_thread(
                slots.create, home, self._system, passphrase, self._profile, deriver=self._deriver
            )
            operator_id = await self._open(keys, is_new=True)
        return Created(operator_id=operator_id, recovery_code=SecretStr(code.reveal()), home=str(home))

    async def unlock(self, *, passphrase: Secret | None, recovery_code: Secret | None) -> None:
        async with self._opening:
            keys = await self._keys(passphrase=passphrase, recovery_code=recovery_code)
            if self._core is None:
                await self._open(keys, is_new=False)
            else:
                self._core.vault.unlock(keys)
            self.feed.publish()

    async def check_passphrase(self, passphrase: Secret) -> None:
        await self._keys(passphrase=passphrase, recovery_code=None)

    async def _keys(self, *, passphrase: Secret | None, recovery_code: Secret | None) -> Keys:
        """Open the slots; every try is counted before it is made."""
        self._backoff.admit()
        home = self._places.home
        if recovery_code is not None:
            keys = await asyncio.to_thread(slots.open_with_recovery, home, recovery_code)
        elif passphrase is not None:
            keys = await asyncio.to_thread(slots.open_with_passphrase, home, passphrase, deriver=self._deriver)
        else:
            raise Broken("nothing to open the vault with")
        if self._core is not None and keys.database_key != self._core.vault.database_key:
            # Somebody put another vault's slots in place of ours: knowing their passphrase proves nothing here.
            raise Unavailable(
                "vault.json is not the one this vault was opened with",
                code="VAULT_REPLACED",
                hint="restore it from a backup; see `stack-local doctor`",
            )
        self._backoff.reset()
        return keys

    async def change_passphrase(self, passphrase: Secret, new: Secret) -> SlotList:
        keys = await self._keys(passphrase=passphrase, recovery_code=None)
        await asyncio.to_thread(
            slots.change_passphrase,
            self._places.home,
            keys,
            new,
            self._profile,
            system=self._system,
            deriver=self._deriver,
        )
        return self._slots()

    async def renew_recovery_code(self, passphrase: Secret) -> Secret:
        keys = await self._keys(passphrase=passphrase, recovery_code=None)
        return await asyncio.to_thread(slots.renew_recovery, self._places.home, keys, system=self._system)

    async def set_keyring(self, passphrase: Secret, *, enabled: bool) -> SlotList:
        keys, home = await self._keys(passphrase=passphrase, recovery_code=None), self._places.home
        if enabled:
            await asyncio.to_thread(slots.add_keyring_slot, home, keys, system=self._system, keyring=self._keyring)
        for slot in () if enabled else slots.list_slots(home):
            if slot.kind is SlotKind.KEYRING:
                await asyncio.to_thread(slots.remove_slot, home, keys, slot.id, keyring=self._keyring)
        return self._slots()

    def _slots(self) -> SlotList:
        return SlotList(slots=sorted(str(slot.kind) for slot in slots.list_slots(self._places.home)))

    async def open_locked(self) -> bool:
        """At start-up: open the database by the keyring, where a person allowed it; the credentials stay locked."""
        home = self._places.home
        if self.state != State.SEALED or not any(s.kind is SlotKind.KEYRING for s in slots.list_slots(home)):
            return False
        keys = await asyncio.to_thread(slots.open_with_keyring, home, keyring=self._keyring)
        async with self._opening:
            await self._open(keys, is_new=False)
        return True

    def lock(self) -> VaultState:
        if self._core is not None:
            self._core.vault.lock()
        self.sessions.end_all()
        self.feed.publish()
        return VaultState.model_validate({"state": self.state})

    def seal(self) -> VaultState:
        """End the process's work; `launch.py` then starts it anew, so that no key stays in memory."""
        self.lock()
        self.wants_seal = True
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, self.stopping.set)
        return VaultState.model_validate({"state": State.SEALED})

    # -- opening and closing the vault ---------------------------------------------------------------------------

    async def _open(self, keys: Keys, *, is_new: bool) -> str:
        """Open the database and everything that needs it; the operator's id."""
        vault = Vault(self._system, keys)
        path = self._places.home / DATABASE_NAME
        key_hex = keys.database_key.reveal().hex()
        database = await asyncio.to_thread(
            Database, path, key_hex, after_commit=lambda tx: self._after_commit(tx, vault)
        )
        try:
            operator_id, signers = await self._identity(database, is_new=is_new)
            vault.hold_signers(signers)
            await self._judge_freshness(database, vault)
        except StackError:
            database.close()
            raise
        self._core = self._compose(database, vault, operator_id)
        self._write_public_file(vault, signers, operator_id)
        for door in (self.agents_door, self.person_door):
            door.open(self._core)
        self.dispatcher.open(self._core)
        await self._start_jobs(self._core)
        return operator_id

    def _compose(self, database: Database, vault: Vault, operator_id: str) -> Core:
        plugins = Registrar()
        for register in BUILTIN:
            register(plugins)
        port = int(self._base_url.rpartition(":")[2])
        resolver, own_ports = self._resolver, frozenset({port})
        way = self._way
        self._egress = Egress(resolver=resolver, own_ports=own_ports, way=way)
        self._documents_egress = Egress(resolver=resolver, own_ports=own_ports, way=way, limits=FETCH_LIMITS)
        self._tokens_egress = Egress(resolver=resolver, own_ports=own_ports, way=way, limits=TOKEN_LIMITS)
        self._inspector = Inspector(plugins.detectors, budget_seconds=self._settings.detector_seconds)
        scribe = Scribe(self._system, operator_id)
        endpoint = TokenEndpoint(self._token_sender or self._tokens_egress)
        renewals = Renewals(database=database, vault=vault, endpoint=endpoint, scribe=scribe, system=self._system)
        pipeline = Pipeline(
            database=database,
            vault=vault,
            egress=self._egress,
            inspector=self._inspector,
            scribe=scribe,
            system=self._system,
            settings=self._settings,
            spawn=self.spawn,
            anchor_is_fresh=lambda: self._alarm is None,
            renewer=renewals,
            keepers=Keepers(Programs(dict(os.environ)), vault, self._system),
        )
        ground = Ground(self._base_url, self._system, vault, scribe)
        oauth = AuthorizationServer(database, ground, self._document_sender or self._documents_egress)
        return Core(database, vault, pipeline, oauth, endpoint, scribe, plugins)

    async def _identity(self, database: Database, *, is_new: bool) -> tuple[str, list[Signer]]:
        if is_new:
            await database.write(self._establish)
        found = await database.read(
            lambda tx: (
                meta.find(tx, "operator_id"),
                meta.list_signing_keys(tx),
                meta.find(tx, RATES),
                meta.find(tx, WAY_OUT),
            )
        )
        operator_id, raw_keys, kept_rates, kept_way = found
        self.rates.load(kept_rates)
        if kept_way is not None:
            self._way.take(Chosen.decode(kept_way))
        if operator_id is None or not raw_keys:
            raise Unavailable(
                "the vault's database is empty", code="VAULT_DAMAGED", hint="restore vault.db from a backup"
            )
        return operator_id, [Signer.from_bytes(raw) for _, raw in raw_keys]

    def _establish(self, tx: Tx) -> None:
        """The first rows of a new vault."""
        signer = Signer.generate(self._system)
        meta.put(tx, "operator_id", self._system.new_id("operator"))
        meta.insert_signing_key(tx, signer.kid, signer.raw_bytes().reveal(), milliseconds(self._system.now()))

    def _write_public_file(self, vault: Vault, signers: list[Signer], operator_id: str) -> None:
        facts = public_file.PublicFacts(
            issuer=self._base_url, operator_id=operator_id, keys=tuple(signer.public for signer in signers)
        )
        public_file.write_public_file(self._places.home / PUBLIC_NAME, signers[0], facts)

    async def _start_jobs(self, core: Core) -> None:
        jobs = Jobs(core, self.dispatcher, self._system, self._settings)
        if self._alarm is None:
            await jobs.close_orphans()
        if self._group is not None and self._alarm is None:
            self.spawn(jobs.run(self._stop_jobs, lambda error: log.error("a job failed", exc_info=error)))

    def spawn(self, work: Coroutine[object, object, None]) -> object:
        """Start work in the appliance's TaskGroup; it must not raise."""
        if self._group is None:
            raise Broken("the appliance is not running")
        return self._group.create_task(work)

    # -- the anchor ----------------------------------------------------------------------------------------------

    def _anchor_path(self) -> Path:
        """One file for each home, in the second directory."""
        name = str(self._places.home.resolve()).strip("/").replace("/", "-")
        return self._places.state / f"{name[-200:]}.anchor"

    async def _judge_freshness(self, database: Database, vault: Vault) -> None:
        found = anchors.read_anchor(self._anchor_path(), vault.database_key)
        at = found.sequence if isinstance(found, anchors.Anchor) else 0
        seen = await database.read(lambda tx: _chain_facts(tx, at))
        verdict = anchors.judge(
            found,
            sequence=seen.sequence,
            head_at_anchor_sequence=seen.head_at,
            revocation_epoch=seen.epoch,
            ever_anchored=seen.was_anchored,
        )
        if isinstance(verdict, anchors.Older):
            missing = f", {verdict.missing_entries} records are missing" if verdict.missing_entries else ""
            self._alarm = f"the vault is older than its anchor ({verdict.reason}{missing})"
            log.error("%s", self._alarm)

    def _after_commit(self, tx: Tx, vault: Vault) -> None:
        """In the writer's thread, after each commit and before its callers are answered."""
        now = self._system.monotonic()
        is_due = now - self._anchored_at >= self._settings.anchor_seconds
        if self._alarm is None and (tx.anchors or is_due):
            self._write_anchor(tx, vault)
            self._anchored_at = now
        if tx.is_visible or tx.touches_access:
            self.feed.publish()

    def _write_anchor(self, tx: Tx, vault: Vault) -> None:
        head = audit.head(tx)
        epoch = int(meta.find(tx, "revocation_epoch") or "0")
        if head.sequence == self._anchored_sequence and not tx.anchors:
            return
        self._places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._anchored_sequence < 0:
            meta.put(tx, "anchored", "yes")
        anchors.write_anchor(
            self._anchor_path(), vault.database_key, anchors.Anchor(head.sequence, head.entry_hash, epoch)
        )
        self._anchored_sequence = head.sequence

    # -- lifetimes -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_group(self) -> AsyncIterator[None]:
        """The TaskGroup in which calls and jobs live; leaving it stops the jobs and closes the vault."""
        self.feed.attach()
        refused: StackError | None = None
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            except StackError as error:
                # An answer to whoever asked, not a failure of the group, which would wrap it.
                refused = error
            finally:
                self._stop_jobs.set()
                self._group = None
        await self.close()
        if refused is not None:
            raise refused

    async def close(self) -> None:
        """Close what the vault had open."""
        core, self._core = self._core, None
        self.dispatcher.open(None)
        for door in (self.agents_door, self.person_door):
            door.open(None)
        for egress in (self._egress, self._documents_egress, self._tokens_egress):
            if egress is not None:
                await egress.aclose()
        if self._inspector is not None:
            self._inspector.close()
        if core is not None:
            await asyncio.to_thread(core.database.close)


@dataclass(frozen=True, slots=True)
class _ChainFacts:
    sequence: int
    head_at: str | None
    epoch: int
    was_anchored: bool


def _chain_facts(tx: Tx, at_sequence: int) -> _ChainFacts:
    return _ChainFacts(
        sequence=audit.head(tx).sequence,
        head_at=audit.hash_at(tx, at_sequence),
        epoch=int(meta.find(tx, "revocation_epoch") or "0"),
        was_anchored=meta.find(tx, "anchored") is not None,
    )
