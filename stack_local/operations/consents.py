"""Letting OAuth clients in, and taking it back."""

import re
from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from stack_local.domain import clients as rules
from stack_local.domain import consents as domain
from stack_local.domain.consents import AuthorizationRequest, Posture, RequestState
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.oauth.client_documents import SETTING, set_enabled
from stack_local.oauth.core import FIRST_PARTY
from stack_local.oauth.device import USER_CODE_LENGTH
from stack_local.oauth.ground import hash_value
from stack_local.oauth.revocation import end_consent
from stack_local.operations.access import grant_agent_access
from stack_local.operations.agents import register_agent
from stack_local.operations.binding import handles
from stack_local.operations.context import Context, Extra, Trail
from stack_local.operations.revocation import note_fallen
from stack_local.store import access, agents, clients, services
from stack_local.store import authorization_requests as requests
from stack_local.store import consents as store
from stack_local.store.database import Tx
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent, RegisterAgent
from stack_local.wire.consents import (
    ClientMetadataFetching,
    Consent,
    ConsentCode,
    ConsentRequest,
    ConsentRequests,
    ConsentRevoked,
    Consents,
    CreateConsentCode,
    EnterDeviceCode,
    GiveConsent,
    ListConsentRequests,
    ListConsents,
    RefuseConsent,
    RevokeConsent,
    SetClientMetadataFetching,
)

SCOPES_OF = {Posture.READ: frozenset({"read"}), Posture.ASK: frozenset({"read", "write"})}
"""What a posture grants, of what the connection has; writes ask as the agent's mode says."""

MAX_AGENT_NAME = 64
NAMELESS = "client"
"""The agent of a client whose name has no letter that an agent's may have."""


@handles(ListConsentRequests)
def list_consent_requests(tx: Tx, ctx: Context, request: ListConsentRequests) -> ConsentRequests:
    """What waits, oldest first."""
    return _waiting_now(tx, ctx)


@handles(EnterDeviceCode)
def enter_device_code(tx: Tx, ctx: Context, request: EnterDeviceCode) -> ConsentRequest:
    """Typing the code is what makes it wait: nobody is asked about a log-in they have not begun."""
    letters = "".join(letter for letter in request.user_code.upper() if letter in domain.TAG_ALPHABET)
    found = requests.find_by_user_code(tx, hash_value(letters))
    if found is None or not found.is_device or ctx.now >= found.expires_at:
        raise NotFound("no log-in has this code", field="user_code", rule="as the command shows it, within 10 minutes")
    requests.move(tx, found.id, before=RequestState.SHOWN, after=RequestState.ASKED)
    ctx.note(subject=found.id, client=found.client_id)
    return _request_view(tx, requests.get(tx, found.id))


@handles(GiveConsent)
def give_consent(tx: Tx, ctx: Context, request: GiveConsent) -> Consent:
    """The client goes on by itself: its page looks for this."""
    asked = _waiting(tx, ctx, request.request_id)
    consent = _give(tx, ctx, asked, request)
    requests.move(tx, asked.id, before=RequestState.ASKED, after=RequestState.GIVEN)
    return _view(tx, consent)


@handles(CreateConsentCode)
def create_consent_code(tx: Tx, ctx: Context, request: CreateConsentCode) -> ConsentCode:
    """The decision is made here; the page proves with the code that the same person sits at it."""
    asked = _waiting(tx, ctx, request.request_id)
    if asked.is_device:
        raise InvalidRequest("this log-in has no page to type a code into", field="request_id", rule="give, or refuse")
    code = ctx.core.oauth.ground.new_tag(USER_CODE_LENGTH)
    _give(tx, ctx, asked, request)
    requests.set_user_code(tx, asked.id, hash_value(code))
    requests.move(tx, asked.id, before=RequestState.ASKED, after=RequestState.CODED)
    return ConsentCode(code=SecretStr(code), request_id=asked.id, expires_at=asked.expires_at)


@handles(RefuseConsent)
def refuse_consent(tx: Tx, ctx: Context, request: RefuseConsent) -> ConsentRequests:
    """The client is told `access_denied`; nothing else happens."""
    asked = _waiting(tx, ctx, request.request_id)
    requests.move(tx, asked.id, before=RequestState.ASKED, after=RequestState.REFUSED)
    ctx.note(subject=asked.id, client=asked.client_id)
    return _waiting_now(tx, ctx)


@handles(SetClientMetadataFetching)
def set_client_metadata_fetching(tx: Tx, ctx: Context, request: SetClientMetadataFetching) -> ClientMetadataFetching:
    """Consents that clients have go on either way: only a log-in looks at a document."""
    set_enabled(tx, enabled=request.enabled)
    ctx.note(subject=SETTING, enabled="yes" if request.enabled else "no")
    return ClientMetadataFetching(enabled=request.enabled)


@handles(ListConsents)
def list_consents(tx: Tx, ctx: Context, request: ListConsents) -> Consents:
    """Those that hold now."""
    return Consents(items=[_view(tx, consent) for consent in store.list_(tx) if domain.is_live(consent, ctx.now)])


@handles(RevokeConsent)
def revoke_consent(tx: Tx, ctx: Context, request: RevokeConsent) -> ConsentRevoked:
    """End it with everything that hangs on it."""
    consent = store.get(tx, request.consent_id)
    fallen = end_consent(tx, consent, at=ctx.now, reason="consent revoked")
    note_fallen(ctx, fallen)
    for jti, agent_id in fallen.named:
        ctx.trail.extras.append(Extra("passport.revoke_cascade", agent_id, jti, subject=None))
    ctx.note(agent_id=consent.agent_id, subject=consent.id, client=consent.client_name, revoked=len(fallen.jtis))
    return ConsentRevoked(id=consent.id, revoked_passports=len(fallen.jtis))


def _waiting_now(tx: Tx, ctx: Context) -> ConsentRequests:
    return ConsentRequests(items=[_request_view(tx, found) for found in requests.list_asked(tx, ctx.now)])


def _waiting(tx: Tx, ctx: Context, request_id: str) -> AuthorizationRequest:
    asked = requests.get(tx, request_id)
    if asked.state is not RequestState.ASKED or ctx.now >= asked.expires_at:
        raise Conflict("the log-in no longer waits", field="request_id", rule="asked", hint="begin it again")
    return asked


def _give(
    tx: Tx, ctx: Context, asked: AuthorizationRequest, request: GiveConsent | CreateConsentCode
) -> domain.Consent:
    """The consent, its agent and what that may use: all of it or nothing."""
    name = _client_name(tx, asked.client_id)
    agent_id = request.agent_id or _new_agent(tx, ctx, name)
    agents.get(tx, agent_id)
    for connection_id, posture in request.postures.items():
        _set_posture(tx, ctx, agent_id, connection_id, posture)
    consent = domain.Consent(
        id=ctx.ports.system.new_id("consent"),
        client_id=asked.client_id,
        client_name=name,
        redirect_uri=asked.redirect_uri,
        scope=asked.scope,
        resource=asked.resource,
        agent_id=agent_id,
        given_by=ctx.actor.label,
        given_at=ctx.now,
        ends_at=ctx.now + timedelta(days=domain.CONSENT_DAYS),
        used_at=ctx.now,
    )
    store.insert(tx, consent)
    requests.set_consent(tx, asked.id, consent.id)
    ctx.note(agent_id=agent_id, subject=consent.id, client=name, redirect=rules.redirect_host(asked.redirect_uri))
    return consent


def _new_agent(tx: Tx, ctx: Context, client_name: str) -> str:
    """An agent of its own for a client, under the default controls."""
    agent: Agent = register_agent(tx, _aside(ctx), RegisterAgent(name=_free_name(tx, client_name)))
    ctx.trail.extras.append(Extra("agent.register", agent.id, None, subject=agent.name))
    return agent.id


def _aside(ctx: Context) -> Context:
    """The same call with a trail of its own: what is done on the way is a record beside the decision's."""
    return replace(ctx, trail=Trail())


def _set_posture(tx: Tx, ctx: Context, agent_id: str, connection_id: str, posture: Posture) -> None:
    connection = services.get(tx, connection_id)
    if posture is Posture.NONE:
        access.delete(tx, agent_id, connection_id)
        return
    scopes = [scope for scope in connection.scopes if scope in SCOPES_OF[posture]]
    if not scopes:
        raise InvalidRequest(f"{connection.name} has no scope for {posture}", field="postures", rule="none, here")
    grant = GrantAgentAccess(agent_id=agent_id, service_connection_id=connection_id, scopes=scopes)
    grant_agent_access(tx, _aside(ctx), grant)
    ctx.trail.extras.append(Extra("service.grant", agent_id, None, subject=f"{connection.provider}: {posture}"))


def _client_name(tx: Tx, client_id: str) -> str:
    if client_id == FIRST_PARTY.id:
        return FIRST_PARTY.name
    found = clients.find(tx, client_id)
    if found is None:
        raise NotFound("the client is no longer registered", field="request_id", hint="begin the log-in again")
    return found.name


def _free_name(tx: Tx, name: str) -> str:
    """The client's name as an agent's, with a number where it is taken."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    stem = "-".join(words)[: MAX_AGENT_NAME - 4].rstrip("-") or NAMELESS
    if len(stem) == 1:
        stem = f"{NAMELESS}-{stem}"
    tried, number = stem, 1
    while agents.find_by_name(tx, tried) is not None:
        number += 1
        tried = f"{stem}-{number}"
    return tried


def _request_view(tx: Tx, asked: AuthorizationRequest) -> ConsentRequest:
    known = next((consent for consent in store.list_(tx) if consent.client_id == asked.client_id), None)
    return ConsentRequest(
        id=asked.id,
        tag=asked.tag,
        client_id=asked.client_id,
        client_name=_client_name(tx, asked.client_id),
        redirect_uri=asked.redirect_uri,
        redirect_host=rules.redirect_host(asked.redirect_uri) if asked.redirect_uri else "",
        is_loopback=rules.is_loopback(asked.redirect_uri),
        scopes=asked.scope.split(),
        resource=asked.resource,
        created_at=asked.created_at,
        expires_at=asked.expires_at,
        known_agent_id=None if known is None else known.agent_id,
    )


def _view(tx: Tx, consent: domain.Consent) -> Consent:
    return Consent(
        id=consent.id,
        client_id=consent.client_id,
        client_name=consent.client_name,
        redirect_uri=consent.redirect_uri,
        scopes=consent.scope.split(),
        resource=consent.resource,
        agent_id=consent.agent_id,
        agent_name=agents.find_name(tx, consent.agent_id) or "",
        given_by=consent.given_by,
        given_at=consent.given_at,
        used_at=consent.used_at,
        ends_at=consent.ends_at,
    )
