"""Scanning a content: looked at in a thread under a time budget, then counted and recorded together."""

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from math import ceil

from stack_local.domain.actors import Kind
from stack_local.domain.errors import Broken, TooMany
from stack_local.domain.passports import Passport
from stack_local.domain.scanning import Family, Layer, Match, Scanned, Verdict, scan_content
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.minting import acting_passport, refuse_dead
from stack_local.operations.rates import principal_of
from stack_local.operations.visibility import visible_agents
from stack_local.plugin_api import Classifier
from stack_local.proxy.usage import month_after, month_of
from stack_local.store import passports
from stack_local.store import scan as store
from stack_local.store.database import Tx
from stack_local.wire.scan import Scan, ScanMatch, ScanMeter, ScanPlace, ScanResult, ScanUsage

log = logging.getLogger(__name__)

LEAST_CLASSIFIED = 60
"""Characters of a content that a classifier is asked about (product.md 0)."""

SOURCE = "(source)"
"""The field of a match in the name of where the content is from."""


@dataclass(frozen=True, slots=True)
class _Budget:
    """The time of one scan."""

    ctx: Context
    began: float

    @property
    def spent(self) -> float:
        """Seconds."""
        return self.ctx.ports.system.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds; less than none where it is used up."""
        return self.ctx.ports.settings.scan_seconds - self.spent

    def has_time(self) -> bool:
        return self.left > 0


async def _look(ctx: Context, request: Scan) -> None:
    """Before the transaction: refuse early, then look."""
    await ctx.core.database.read(lambda tx: _counted_for(tx, ctx, request))
    budget = _Budget(ctx, ctx.ports.system.monotonic())
    scanned = await asyncio.to_thread(_scanned, request, budget)
    for key, classify in ctx.core.plugins.classifiers.items():
        scanned = await _classified(scanned, request, key, classify, budget)
    ctx.trail.scanned = (scanned, round(budget.spent * 1000))


def _scanned(request: Scan, budget: _Budget) -> Scanned:
    of_content = scan_content(request.content, budget.has_time)
    of_source = scan_content({SOURCE: request.source or ""}, budget.has_time)
    worst = max(of_content, of_source, key=lambda scanned: scanned.verdict.rank)
    return replace(worst, complete=of_content.complete and of_source.complete)


async def _classified(scanned: Scanned, request: Scan, key: str, classify: Classifier, budget: _Budget) -> Scanned:
    """With a classifier's word, where it is worse; one that fails or is late says nothing, and the answer says so."""
    text = request.content if isinstance(request.content, str) else json.dumps(request.content, ensure_ascii=False)
    if len(text) < LEAST_CLASSIFIED or scanned.verdict is Verdict.CRITICAL:
        return scanned
    try:
        async with asyncio.timeout(max(0.0, budget.left)):
            verdict = await classify(text)
    except Exception as error:  # noqa: BLE001 (whatever a plugin raises)
        # The verdict of the other layers stands; what the classifier would have said is not known.
        log.warning("the classifier %s failed or was late: %s", key, type(error).__name__)
        return replace(scanned, complete=False)
    if verdict.rank <= scanned.verdict.rank:
        return scanned
    return replace(scanned, match=Match(key, Family.CLASSIFIED, verdict, Layer.L3))


@handles(Scan, before=_look)
def scan(tx: Tx, ctx: Context, request: Scan) -> ScanResult:
    """Count it, and say what was found: which phrase, never its words."""
    if ctx.trail.scanned is None:
        raise Broken("nothing was scanned")
    scanned, duration_ms = ctx.trail.scanned
    counted_for, passport = _counted_for(tx, ctx, request)
    store.add(tx, _month(ctx), counted_for)
    scan_id, match = ctx.ports.system.new_id("scan"), scanned.match
    ctx.note(
        agent_id=ctx.actor.agent_id if passport is None else passport.agent_id,
        passport_jti=None if passport is None else passport.jti,
        subject=scan_id,
        verdict=scanned.verdict,
        complete=scanned.complete,
        pattern_id=None if match is None else match.pattern_id,
        decoder=None if match is None else match.decoder,
        context=request.context,
    )
    return ScanResult(
        verdict=scanned.verdict,
        complete=scanned.complete,
        match=None if match is None else _shown(match),
        scan_id=scan_id,
        duration_ms=duration_ms,
    )


def _shown(match: Match) -> ScanMatch:
    return ScanMatch(
        pattern_id=match.pattern_id,
        family=match.family,
        layer=match.layer,
        decoder=match.decoder,
        where=None if match.offset is None else ScanPlace(offset=match.offset, field=match.field),
    )


def _counted_for(tx: Tx, ctx: Context, request: Scan) -> tuple[str, Passport | None]:
    """Whose scan it is: the agent of its passport, the bearer's agent, or the bearer.

    Raises:
        Unauthorized: the passport is not good now.
        TooMany: the month's allowance is used up.
    """
    passport = None
    # Never mints: a scan needs no passport, it is only attributed to one.
    if ctx.actor.kind is Kind.PASSPORT or request.passport_token is not None:
        passport = acting_passport(tx, ctx, request.passport_token)
        refuse_dead(ctx, passports.chain(tx, passport))
    counted_for = principal_of(ctx.actor) if passport is None else passport.agent_id
    limit = ctx.ports.settings.scans_per_month
    if limit and not ctx.actor.is_person and store.count(tx, _month(ctx), counted_for) >= limit:
        raise TooMany(
            "the scans of this month are used up",
            rule=f"{limit} in a month",
            hint="see stack_scan_usage; the setting scans_per_month is the operator's",
            retry_after_seconds=ceil((month_after(ctx.now) - ctx.now).total_seconds()),
        )
    return counted_for, passport


def _month(ctx: Context) -> str:
    return f"{month_of(ctx.now):%Y-%m}"


@handles(ScanUsage)
def scan_usage(tx: Tx, ctx: Context, request: ScanUsage) -> ScanMeter:
    """The month so far, of the agents the actor sees and of its own; a limit is one agent's."""
    seen, own = visible_agents(tx, ctx.actor), principal_of(ctx.actor)
    counts = store.counts(tx, _month(ctx))
    used = sum(number for who, number in counts.items() if seen is None or who == own or who in seen)
    limit = ctx.ports.settings.scans_per_month if ctx.actor.agent_id is not None else 0
    return ScanMeter(
        limit=limit or None,
        used=used,
        remaining=max(0, limit - used) if limit else None,
        period=_month(ctx),
    )
