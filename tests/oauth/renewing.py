"""One connection whose token ends by itself, over a real database, a real vault and a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.secrets import Secret
from stack_local.domain.services import Connection, Place
from stack_local.oauth import renewal as kept
from stack_local.oauth.renewal import Renewal
from stack_local.oauth.renewals import Renewals
from stack_local.oauth.token_endpoint import TOKEN_LIMITS, TokenEndpoint
from stack_local.oauth.upstream import Client, TokenServer
from stack_local.proxy.credentials import Credentials
from stack_local.store import audit, services
from stack_local.store.audit import Scribe
from stack_local.store.database import Database, Tx
from stack_local.system import System
from stack_local.vault.credential_fields import encode_fields
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.vault import Vault
from stack_local.wire import services as wire
from tests.simulators.authorization_server import CLIENT_ID, CLIENT_SECRET, HOST, AuthorizationServer, Wire
from tests.simulators.clock import TestSystem
from tests.simulators.egress import opened

Result = TypeVar("Result")

CONNECTION_ID = "scon_0000000000000000000001"
FIRST, FIRST_REFRESH = "access-0-first-token", "refresh-0-first-token"
CLIENT = Client(CLIENT_ID, Secret(CLIENT_SECRET))
SERVER = TokenServer(f"https://{HOST}/token", f"https://{HOST}/revoke")
BY_REFRESH = Renewal("refresh_token", SERVER, CLIENT, ("a", "b"), Secret(FIRST_REFRESH))


@dataclass
class WatchedDatabase:
    """The database as the renewals see it: what is written is noted, and the disk may refuse."""

    inner: Database
    commits: int = 0
    refuses: bool = False

    async def read(self, work: Callable[[Tx], Result]) -> Result:
        return await self.inner.read(work)

    async def write(self, work: Callable[[Tx], Result]) -> Result:
        written = await self.inner.write(self._refusing(work) if self.refuses else work)
        self.commits += 1
        return written

    def _refusing(self, work: Callable[[Tx], Result]) -> Callable[[Tx], Result]:
        def refused(tx: Tx) -> Result:
            work(tx)
            raise sqlcipher.OperationalError("disk I/O error")

        return refused


@dataclass
class Desk:
    """Everything that takes part in a renewal."""

    server: AuthorizationServer
    wire: Wire
    database: WatchedDatabase
    vault: Vault
    keys: Keys
    system: TestSystem
    renewals: Renewals = field(init=False)
    credentials: Credentials = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process over the same vault."""
        database: Any = self.database
        self.renewals = Renewals(
            database=database,
            vault=self.vault,
            endpoint=TokenEndpoint(self.wire),
            scribe=Scribe(self.system, "op_0000000000000000000000"),
            system=self.system,
        )
        self.credentials = Credentials(database, self.vault, self.system, self.renewals)

    async def connection(self) -> Connection:
        """As the rules see it."""
        return await self.database.inner.read(lambda tx: services.get_rule(tx, CONNECTION_ID))

    async def row(self) -> services.SealedCredential:
        return await self.database.inner.read(lambda tx: services.get_credential(tx, CONNECTION_ID))

    async def token(self) -> str:
        """What the next call is sent with."""
        opened = await self.credentials.open(await self.connection())
        return opened.fields["value"].reveal()

    async def kept_renewal(self) -> Renewal:
        """What renews it, as it is kept."""
        row = await self.row()
        assert row.renewal is not None
        return kept.decode(self.vault.credential_key().open(row.place, row.renewal, part=".renewal"))

    async def reason(self) -> str | None:
        """Why it must be connected again."""
        return (await self.connection()).reconnect_reason

    async def records(self) -> list[tuple[str, str, str | None]]:
        """Action, outcome and error code of each record, oldest first."""
        entries = await self.database.inner.read(lambda tx: list(audit.walk(tx, from_sequence=1, limit=100)))
        return [(entry.action, str(entry.outcome), entry.error_code) for entry in entries]

    def seal(self, tx: Tx, place: Place, renewal: Renewal | None, *, seconds: float | None, token: str) -> None:
        """Keep a token that is good for so long."""
        key, now = self.vault.credential_key(), self.system.now()
        services.put_credential(
            tx,
            place,
            field_names=["value"],
            sealed=key.seal(place, encode_fields({"value": Secret(token)} if token else {})),
            at=now,
            source="typed" if renewal is None else renewal.kind,
            renewal=None if renewal is None else key.seal(place, kept.encode(renewal), part=".renewal"),
            expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        )


@asynccontextmanager
async def desk(
    folder: Path,
    *,
    renewal: Renewal | None = BY_REFRESH,
    seconds: float | None = 3600,
    token: str = FIRST,
    patience: float = TOKEN_LIMITS.total_seconds,
    **server: Any,
) -> AsyncIterator[Desk]:
    """A connection with such a token; the server knows its refresh token."""
    system = TestSystem()
    keys = Keys(KeyMaterial.generate(system), KeyMaterial.generate(system))
    database = Database(folder / "vault.db", keys.database_key.reveal().hex(), after_commit=lambda tx: None)
    limits = replace(TOKEN_LIMITS, total_seconds=patience)
    async with AuthorizationServer(**server) as service, opened(limits=limits) as egress:
        service.alive.add(FIRST_REFRESH)
        made = Desk(service, Wire(service, egress), WatchedDatabase(database), Vault(system, keys), keys, system)
        await database.write(lambda tx: _begin(tx, made, renewal, seconds, token, system))
        yield made
    await asyncio.to_thread(database.close)


def _begin(tx: Tx, made: Desk, renewal: Renewal | None, seconds: float | None, token: str, system: System) -> None:
    connection = wire.Connection(
        id=CONNECTION_ID,
        provider="demo",
        name="demo",
        description=None,
        account=None,
        status="connected",
        hosts=["api.example.com:443"],
        injection=wire.InjectionSpec(),
        scopes=["read", "write"],
        asks_everything=False,
        verification="never",
        verified_at=None,
        version=1,
        credential_version=1,
        connected_by="session:ses_1",
        connected_at=system.now(),
    )
    services.insert(tx, connection, verify_path=None)
    made.seal(tx, Place(CONNECTION_ID, "demo", ("api.example.com:443",), 1), renewal, seconds=seconds, token=token)
