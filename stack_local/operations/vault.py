"""The appliance itself: health, keys, status, creating, unlocking, locking, sealing, sessions."""

import json
from typing import Any

from pydantic import SecretStr

from stack_local import __version__
from stack_local.domain.audit import GENESIS
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HostPort, parse_host_port
from stack_local.egress.tls import fingerprints
from stack_local.egress.way import WAY_OUT, Chosen, Way
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.rates import RATES
from stack_local.store import approvals, audit, authorization_requests, meta, passports, proxy
from stack_local.store.database import Tx
from stack_local.wire.vault import (
    ApplianceStatus,
    ChangePassphrase,
    CompanyProxy,
    Created,
    CreateSession,
    CreateVault,
    DisableKeyring,
    EnableKeyring,
    EndSession,
    GetCompanyProxy,
    GetHealth,
    GetJwks,
    GetStatus,
    Health,
    Jwks,
    LockVault,
    NewRecoveryCode,
    OperatorSession,
    RateLimits,
    RenewRecoveryCode,
    SealVault,
    SetCompanyProxy,
    SetRates,
    SlotList,
    UnlockVault,
    VaultState,
)


@handles(GetHealth)
async def get_health(ctx: Context, request: GetHealth) -> Health:
    """The process answers."""
    return Health.model_validate({"ok": True, "state": ctx.ports.appliance.state, "version": __version__})


@handles(GetJwks)
async def get_jwks(ctx: Context, request: GetJwks) -> Jwks:
    """The public keys; while sealed, from the small signed file."""
    return Jwks.model_validate({"keys": ctx.ports.appliance.jwks()})


@handles(GetStatus)
async def get_status(ctx: Context, request: GetStatus) -> ApplianceStatus:
    """The status now, or once something has changed."""
    if request.after_changes is not None:
        await ctx.ports.feed.wait_past(request.after_changes, seconds=request.wait_seconds)
    counts: dict[str, object] = {
        "operator_id": None, "pending": 0, "waiting_clients": 0, "live_passports": 0,
        "chain_sequence": 0, "chain_head": GENESIS,
    }  # fmt: skip
    if ctx.core_or_none is not None:
        counts = await ctx.core.database.read(lambda tx: _counts(tx, ctx))
    return ApplianceStatus.model_validate(
        counts
        | {
            "state": ctx.ports.appliance.state,
            "version": __version__,
            "base_url": ctx.ports.appliance.base_url,
            "changes": ctx.ports.feed.changes,
            "approvals_advisory": ctx.ports.appliance.is_shared_user,
            "alarm": ctx.ports.appliance.alarm,
        }
    )


def _counts(tx: Tx, ctx: Context) -> dict[str, object]:
    head = audit.head(tx)
    waiting = len(authorization_requests.list_asked(tx, ctx.now))
    live = passports.list_live(tx, now=ctx.now, agents=None, agent_id=None, session_id=None)
    return {
        "operator_id": meta.get(tx, "operator_id"),
        "pending": approvals.count_pending(tx) + waiting,
        "waiting_clients": waiting,
        "in_doubt": proxy.count_unsettled(tx),
        "live_passports": len(live),
        "chain_sequence": head.sequence,
        "chain_head": head.entry_hash,
    }


@handles(CreateVault)
async def create_vault(ctx: Context, request: CreateVault) -> Created:
    """Set up an empty home."""
    return await ctx.ports.appliance.create(_secret(request.passphrase))


@handles(UnlockVault)
async def unlock_vault(ctx: Context, request: UnlockVault) -> OperatorSession:
    """Open the vault, and begin a session for the person who could."""
    if (request.passphrase is None) == (request.recovery_code is None):
        raise InvalidRequest("one of two is needed", field="passphrase", rule="passphrase or recovery_code")
    await ctx.ports.appliance.unlock(
        passphrase=None if request.passphrase is None else _secret(request.passphrase),
        recovery_code=None if request.recovery_code is None else _secret(request.recovery_code),
    )
    return _begin(ctx)


@handles(CreateSession)
async def create_session(ctx: Context, request: CreateSession) -> OperatorSession:
    """Begin a session for the passphrase."""
    await ctx.ports.appliance.check_passphrase(_secret(request.passphrase))
    return _begin(ctx)


@handles(EndSession)
async def end_session(ctx: Context, request: EndSession) -> VaultState:
    """End the session that asks: no other bearer holds this scope."""
    ctx.ports.sessions.end(ctx.actor.id)
    return VaultState(state=ctx.ports.appliance.state)


def _begin(ctx: Context) -> OperatorSession:
    token, ends_at = ctx.ports.sessions.begin()
    ctx.note(subject=ctx.ports.sessions.find(token.reveal()))
    return OperatorSession(session=SecretStr(token.reveal()), expires_at=ends_at)


def _allow(ctx: Context, request: SetRates) -> None:
    ctx.ports.rates.allow(_rates(ctx, request))


@handles(SetRates, after=_allow)
def set_rates(tx: Tx, ctx: Context, request: SetRates) -> RateLimits:
    """Kept in the vault, where no file reaches; good from the next call on."""
    chosen = _rates(ctx, request)
    meta.put(tx, RATES, json.dumps(chosen))
    ctx.note(**chosen)
    return RateLimits(**chosen)


def _rates(ctx: Context, request: SetRates) -> dict[str, Any]:
    return ctx.ports.rates.allowed() | request.model_dump(exclude_none=True)


def _go(ctx: Context, request: SetCompanyProxy) -> None:
    ctx.ports.way.take(_way(request))


@handles(SetCompanyProxy, after=_go)
def set_company_proxy(tx: Tx, ctx: Context, request: SetCompanyProxy) -> CompanyProxy:
    """Kept in the vault, where no file reaches; good from the next connection on."""
    chosen = _way(request)
    Way(chosen)  # refuses what cannot be used before it is kept: each unlock takes what is kept
    meta.put(tx, WAY_OUT, chosen.encode())
    shown = _company_proxy(chosen)
    ctx.note(subject=shown.proxy or "none", ca=", ".join(shown.ca_fingerprints))
    return shown


def _way(request: SetCompanyProxy) -> Chosen:
    return Chosen(None if request.proxy is None else _host_port(request.proxy), request.ca)


def _host_port(proxy: str) -> HostPort:
    try:
        return parse_host_port(proxy)
    except InvalidRequest as refused:
        raise InvalidRequest(refused.message, field="proxy", rule="host:port") from None


@handles(GetCompanyProxy)
async def get_company_proxy(ctx: Context, request: GetCompanyProxy) -> CompanyProxy:
    """As the next connection goes."""
    return _company_proxy(ctx.ports.way.chosen)


def _company_proxy(chosen: Chosen) -> CompanyProxy:
    warnings = []
    if chosen.proxy is not None:
        warnings += ["the proxy sees which hosts are called, and when", "it looks up the names of hosts outside"]
    if chosen.ca is not None:
        warnings.append("whoever holds the key of this authority can read every credential on its way")
    proxy = None if chosen.proxy is None else chosen.proxy.text
    trusted = [] if chosen.ca is None else fingerprints(chosen.ca)
    return CompanyProxy(proxy=proxy, ca_fingerprints=trusted, warnings=warnings)


@handles(ChangePassphrase)
async def change_passphrase(ctx: Context, request: ChangePassphrase) -> SlotList:
    """Rewrap both keys; the database is not touched."""
    return await ctx.ports.appliance.change_passphrase(
        _secret(request.current_passphrase), _secret(request.new_passphrase)
    )


@handles(RenewRecoveryCode)
async def renew_recovery_code(ctx: Context, request: RenewRecoveryCode) -> NewRecoveryCode:
    """Rewrap both keys under a new code."""
    code = await ctx.ports.appliance.renew_recovery_code(_secret(request.current_passphrase))
    return NewRecoveryCode(recovery_code=SecretStr(code.reveal()))


@handles(EnableKeyring)
async def enable_keyring(ctx: Context, request: EnableKeyring) -> SlotList:
    """Wrap the database key alone for the keyring."""
    return await ctx.ports.appliance.set_keyring(_secret(request.current_passphrase), enabled=True)


@handles(DisableKeyring)
async def disable_keyring(ctx: Context, request: DisableKeyring) -> SlotList:
    """Remove the keyring's slot and its entry."""
    return await ctx.ports.appliance.set_keyring(_secret(request.current_passphrase), enabled=False)


@handles(LockVault)
async def lock_vault(ctx: Context, request: LockVault) -> VaultState:
    """Forget the credential key; every session ends."""
    return ctx.ports.appliance.lock()


@handles(SealVault)
async def seal_vault(ctx: Context, request: SealVault) -> VaultState:
    """Start the process anew once this is answered."""
    return ctx.ports.appliance.seal()


def _secret(value: SecretStr) -> Secret:
    return Secret(value.get_secret_value())
