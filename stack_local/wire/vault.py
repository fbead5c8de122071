"""The appliance itself: its state, unlocking, locking, sealing, operator sessions, and what changes while one looks."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_serializer

from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import Certificates, JsonBody

MAX_RATE = 10_000_000
"""More than one process can do."""

Passphrase = Annotated[SecretStr, Field(max_length=4096)]


class Health(View):
    """That the process answers, and whether it can work."""

    ok: bool
    state: Literal["empty", "sealed", "locked", "unlocked"]
    version: str


class ApplianceStatus(View):
    """What the status bar shows."""

    state: Literal["empty", "sealed", "locked", "unlocked"] = Field(description="`empty`: there is no vault yet.")
    version: str
    base_url: str
    operator_id: str | None
    pending: int = Field(description="Decisions of all kinds that wait for a person.")
    waiting_clients: int = Field(description="Of these, OAuth clients that ask to be let in.")
    in_doubt: int = Field(0, description="Writes of which nobody knows whether they happened.")
    live_passports: int
    chain_sequence: int
    chain_head: str
    changes: int = Field(description="Grows with everything that a screen may show.")
    approvals_advisory: bool = Field(description="Agents may run as the same user as the appliance.")
    alarm: str | None = Field(description="Why the vault is read-only, if it is.")


class Created(View):
    """A new vault. The recovery code is shown this once."""

    operator_id: str
    recovery_code: SecretStr
    home: str

    @field_serializer("recovery_code")
    def _open(self, recovery_code: SecretStr) -> str:
        return recovery_code.get_secret_value()


class OperatorSession(View):
    """A person's session. It ends with the lock, after a while without use, and with the process."""

    session: SecretStr
    expires_at: datetime

    @field_serializer("session")
    def _open(self, session: SecretStr) -> str:
        return session.get_secret_value()


class VaultState(View):
    """The state reached."""

    state: Literal["empty", "sealed", "locked", "unlocked"]


class RateLimits(View):
    """What one agent may do in a while."""

    intents_per_hour: int
    proxy_calls_per_minute: int


class CompanyProxy(View):
    """The way out of the network."""

    proxy: str | None = Field(description="host:port; null: directly.")
    ca_fingerprints: list[str] = Field(description="SHA-256 of what is trusted for every service.")
    warnings: list[str]


class SlotList(View):
    """What opens the vault: kinds of slots."""

    slots: list[str]


class NewRecoveryCode(View):
    """The recovery code that is good from now on; the earlier one no longer is."""

    recovery_code: SecretStr

    @field_serializer("recovery_code")
    def _open(self, recovery_code: SecretStr) -> str:
        return recovery_code.get_secret_value()


class Jwks(View):
    """The public keys that verify passports offline (RFC 7517)."""

    keys: list[dict[str, JsonBody]]


@operation(scope=None, route="GET /healthz", effect="read", while_sealed=True)
class GetHealth(Request[Health]):
    """Whether the appliance answers, and whether it is sealed, locked or unlocked."""


@operation(scope=None, route="GET /v1/.well-known/jwks.json", effect="read", while_sealed=True)
class GetJwks(Request[Jwks]):
    """The public keys that verify passports offline."""


@operation(scope=None, route="GET /v1/status", effect="read", surfaces=PERSON_SIDE, while_sealed=True)
class GetStatus(Request[ApplianceStatus]):
    """What the status bar shows."""

    after_changes: int | None = Field(None, ge=0, description="Wait until `changes` passes this.")
    wait_seconds: int = Field(0, ge=0, le=20)


@operation(
    scope=None,
    route="POST /v1/vault/create",
    effect="external",
    surfaces=PERSON_SIDE,
    audit="vault.create",
    while_sealed=True,
)
class CreateVault(Request[Created]):
    """Set up an empty home: a vault under a passphrase, and a recovery code."""

    passphrase: Passphrase


@operation(
    scope=None,
    route="POST /v1/vault/unlock",
    effect="external",
    surfaces=PERSON_SIDE,
    audit="vault.unlock",
    while_sealed=True,
)
class UnlockVault(Request[OperatorSession]):
    """Open the vault with the passphrase (or the recovery code) and begin an operator session."""

    passphrase: Passphrase | None = None
    recovery_code: Passphrase | None = None


@operation(scope=None, route="POST /v1/sessions", effect="external", surfaces=PERSON_SIDE, audit="session.create")
class CreateSession(Request[OperatorSession]):
    """Begin an operator session for the passphrase, on a vault that is unlocked already."""

    passphrase: Passphrase


@operation(
    scope="vault:write", route="DELETE /v1/sessions", effect="external", surfaces=PERSON_SIDE, audit="session.end"
)
class EndSession(Request[VaultState]):
    """End the operator session that asks; the vault stays as it is, and other sessions go on."""


@operation(
    scope="vault:write", route="POST /v1/vault/lock", effect="external", surfaces=PERSON_SIDE, audit="vault.lock"
)
class LockVault(Request[VaultState]):
    """Lock: no injection, no approving, sessions end; the queue, the audit log and revocation go on."""


@operation(
    scope="vault:write", route="POST /v1/vault/seal", effect="external", surfaces=PERSON_SIDE, audit="vault.seal"
)
class SealVault(Request[VaultState]):
    """Seal: the process starts anew, so that no key stays in memory."""


@operation(
    scope="vault:write", route="POST /v1/vault/rates", effect="write", surfaces=PERSON_SIDE, audit="vault.set_rates"
)
class SetRates(Request[RateLimits]):
    """Allow each agent more, or fewer, intents and proxied calls; what is left out stays as it is."""

    intents_per_hour: int | None = Field(None, ge=1, le=MAX_RATE)
    proxy_calls_per_minute: int | None = Field(None, ge=1, le=MAX_RATE)


@operation(
    scope="vault:write",
    route="POST /v1/vault/company-proxy",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="vault.set_company_proxy",
)
class SetCompanyProxy(Request[CompanyProxy]):
    """Go out through a company's proxy, or directly where none is named; hosts of your own network stay direct."""

    proxy: str | None = Field(
        None, max_length=260, pattern=r":[0-9]{1,5}$", description="host:port. It is asked to CONNECT, without a login."
    )
    ca: Certificates | None = Field(
        None, description="Trusted for every service: the authority of a proxy that opens TLS."
    )


@operation(scope="vault:write", route="GET /v1/vault/company-proxy", effect="read", surfaces=PERSON_SIDE)
class GetCompanyProxy(Request[CompanyProxy]):
    """The way out of the network, and what is to be known of it."""


@operation(
    scope="vault:write",
    route="POST /v1/vault/passphrase",
    effect="external",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="vault.change_passphrase",
)
class ChangePassphrase(Request[SlotList]):
    """Let a new passphrase, and no earlier one, open the vault. Older copies of vault.json still open with the old."""

    current_passphrase: Passphrase
    new_passphrase: Passphrase


@operation(
    scope="vault:write",
    route="POST /v1/vault/recovery-code",
    effect="external",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="vault.renew_recovery_code",
)
class RenewRecoveryCode(Request[NewRecoveryCode]):
    """Make a new recovery code; the old one no longer opens the vault."""

    current_passphrase: Passphrase


@operation(
    scope="vault:write",
    route="POST /v1/vault/keyring",
    effect="external",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="vault.enable_keyring",
)
class EnableKeyring(Request[SlotList]):
    """Let this user's keyring open the database at start-up: locked, so that no credential is used without you."""

    current_passphrase: Passphrase


@operation(
    scope="vault:write",
    route="DELETE /v1/vault/keyring",
    effect="external",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="vault.disable_keyring",
)
class DisableKeyring(Request[SlotList]):
    """Take the keyring's slot away: a start is sealed again until the passphrase is given."""

    current_passphrase: Passphrase
