"""Whatever clients, browsers, the person and the clock do in whatever order: no token outlives what it stands on.

The real server, vault and database, in this process; the model beside it says what must be good.
"""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from stack_local.app import Appliance, Places
from stack_local.dispatch import Caller
from stack_local.domain.clients import Client
from stack_local.domain.consents import ACCESS_SECONDS, CODE_SECONDS, CONSENT_DAYS, REFRESH_IDLE_DAYS, REPLAY_SECONDS
from stack_local.domain.errors import StackError, TooMany, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.oauth.authorization import BadAuthorizationRequest, Page, Redirect
from stack_local.operations.bearers import actor_of_session
from stack_local.settings import Settings
from stack_local.store import clients, consents
from stack_local.store.database import Tx
from stack_local.vault.profiles import CHEAPEST
from stack_local.wire.agents import DeleteAgent
from stack_local.wire.consents import Consent, GiveConsent, RefuseConsent, RevokeConsent
from tests.conftest import PASSPHRASE
from tests.oauth.flow import CHALLENGE, REDIRECT, VERIFIER
from tests.simulators.clock import TestSystem

BASE = "http://127.0.0.1:7822"
PERSON = Caller(actor_of_session("ses_0000000000000000000000"), "admin")
DAY = 86_400
WAITS = (1, REPLAY_SECONDS - 1, REPLAY_SECONDS, CODE_SECONDS, ACCESS_SECONDS, DAY, 20 * DAY, REFRESH_IDLE_DAYS * DAY)


@dataclass
class Grant:
    """What the model knows of one consent."""

    client_id: str
    consent: Consent
    ends_at: datetime
    used_at: datetime
    is_over: bool = False
    """Revoked, or its agent deleted."""
    is_agent_deleted: bool = False

    def is_live(self, now: datetime) -> bool:
        return not self.is_over and now < min(self.ends_at, self.used_at + timedelta(days=REFRESH_IDLE_DAYS))


@dataclass
class LogIn:
    """One page, and what became of it."""

    client_id: str
    request_id: str
    secret: str
    expires_at: datetime
    state: str = "shown"
    grant: Grant | None = None


@dataclass
class Code:
    """One authorization code."""

    value: str
    grant: Grant
    expires_at: datetime
    is_spent: bool = False


@dataclass
class Pair:
    """One answer of the token endpoint."""

    access: str
    refresh: str
    grant: Grant
    issued_at: datetime
    access_until: datetime
    used_at: datetime | None = None
    answer: "Pair | None" = field(default=None, repr=False)


class Machine(RuleBasedStateMachine):
    """Each rule does one thing to the server and says what it must answer."""

    registered = Bundle("registered")
    logins = Bundle("logins")
    codes = Bundle("codes")
    pairs = Bundle("pairs")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.home = Path(tempfile.mkdtemp(prefix="machine"))
        self.clock = TestSystem()
        places = Places(home=self.home / "home", state=self.home / "state", admin_socket=self.home / "admin.sock")
        places.home.mkdir()
        self.appliance = Appliance(places, Settings(port=7822), self.clock, CHEAPEST, base_url=BASE)
        self.issued: list[Pair] = []
        self.grants: list[Grant] = []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def ask_person(self, request: Any) -> Any:
        return self.run(self.appliance.dispatcher.call(PERSON, request))

    @property
    def server(self) -> Any:
        return self.appliance.authorization_server()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @initialize(target=pairs)
    def begin(self) -> "Pair":
        self.run(self.appliance.create(Secret(PASSPHRASE)))
        return self.let_in()

    @rule(target=codes)
    def let_in_as_far_as_the_code(self) -> "Code":
        """Several steps at once, so that what follows them is reached often."""
        login = self.open(self.register())
        self.ask(login)
        self.give(login)
        code: Code = self.look(login)
        return code

    @rule(target=pairs)
    def let_in(self) -> "Pair":
        """The whole way in at once."""
        pair: Pair = self.redeem(self.let_in_as_far_as_the_code(), is_right=True)
        return pair

    def teardown(self) -> None:
        self.run(self.appliance.close())
        self.runner.close()
        shutil.rmtree(self.home)

    # A client and its browser ------------------------------------------------------------------------------------

    @rule(target=registered)
    def register(self) -> str:
        return str(self.run(self.server.register({"redirect_uris": [REDIRECT]}))["client_id"])

    @rule(target=logins, client_id=registered)
    def open(self, client_id: str) -> Any:
        asked = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        try:
            page = self.run(self.server.authorization.begin(asked))
        except (BadAuthorizationRequest, TooMany):
            return multiple()  # nobody let it in, and it was forgotten after a day; or too many of its pages are open
        assert isinstance(page, Page)
        return LogIn(client_id, page.request.id, page.secret or "", page.request.expires_at)

    def is_open(self, login: LogIn) -> bool:
        return self.now < login.expires_at

    @rule(login=logins)
    def ask(self, login: LogIn) -> None:
        if not self.is_open(login):
            self.refused(self.server.authorization.ask(login.request_id, login.secret))
            return
        self.run(self.server.authorization.ask(login.request_id, login.secret))
        login.state = "asked" if login.state == "shown" else login.state

    @rule(login=logins)
    def refuse_in_the_browser(self, login: LogIn) -> None:
        if not self.is_open(login):
            self.refused(self.server.authorization.refuse(login.request_id, login.secret))
            return
        self.run(self.server.authorization.refuse(login.request_id, login.secret))
        login.state = "refused" if login.state in ("shown", "asked") else login.state

    @rule(target=codes, login=logins)
    def look(self, login: LogIn) -> Any:
        if not self.is_open(login) or self.is_gone(login):
            self.refused(self.server.authorization.look(login.request_id, login.secret))
            return multiple()
        seen = self.run(self.server.authorization.look(login.request_id, login.secret))
        if login.state == "refused":
            assert isinstance(seen, Redirect)
            assert "error=access_denied" in seen.uri
            assert "code=" not in seen.uri
            return multiple()
        if login.state != "given":
            assert isinstance(seen, Page)
            return multiple()
        assert isinstance(seen, Redirect)
        assert login.grant is not None
        login.state = "issued"
        value = seen.uri.partition("code=")[2].partition("&")[0]
        return Code(value, login.grant, self.now + timedelta(seconds=CODE_SECONDS))

    def is_gone(self, login: LogIn) -> bool:
        """A consent that was deleted with its agent takes its request along."""
        return login.grant is not None and login.grant.consent.agent_id in self.deleted_agents

    @property
    def deleted_agents(self) -> set[str]:
        return {grant.consent.agent_id for grant in self.grants if grant.is_agent_deleted}

    def refused(self, work: Any) -> None:
        try:
            self.run(work)
        except StackError:
            return
        raise AssertionError("it was taken")

    # The person --------------------------------------------------------------------------------------------------

    @rule(login=logins)
    def give(self, login: LogIn) -> None:
        if login.state != "asked" or not self.is_open(login):
            self.refused(self.appliance.dispatcher.call(PERSON, GiveConsent(request_id=login.request_id)))
            return
        consent = self.ask_person(GiveConsent(request_id=login.request_id))
        login.grant = Grant(login.client_id, consent, self.now + timedelta(days=CONSENT_DAYS), self.now)
        login.state = "given"
        self.grants.append(login.grant)

    @rule(login=logins)
    def refuse(self, login: LogIn) -> None:
        if login.state != "asked" or not self.is_open(login):
            self.refused(self.appliance.dispatcher.call(PERSON, RefuseConsent(request_id=login.request_id)))
            return
        self.ask_person(RefuseConsent(request_id=login.request_id))
        login.state = "refused"

    @rule(pair=pairs)
    def take_back(self, pair: Pair) -> None:
        try:
            self.ask_person(RevokeConsent(consent_id=pair.grant.consent.id))
        except StackError:
            assert not pair.grant.is_live(self.now)  # forgotten by now
        pair.grant.is_over = True

    @rule(pair=pairs)
    def delete_the_agent(self, pair: Pair) -> None:
        agent_id = pair.grant.consent.agent_id
        if agent_id in self.deleted_agents:
            return
        self.ask_person(DeleteAgent(agent_id=agent_id))
        for grant in self.grants:
            if grant.consent.agent_id == agent_id:
                grant.is_over = grant.is_agent_deleted = True

    # Tokens ------------------------------------------------------------------------------------------------------

    def token(self, **form: str) -> tuple[int, dict[str, Any]]:
        status, body, _ = self.run(self.server.token(list(form.items())))
        return status, body

    def kept(self, body: dict[str, Any], grant: Grant) -> Pair:
        until = min(self.now + timedelta(seconds=ACCESS_SECONDS), grant.ends_at)
        pair = Pair(body["access_token"], body["refresh_token"], grant, self.now, until)
        grant.used_at = self.now
        self.issued.append(pair)
        return pair

    @rule(target=pairs, code=codes, is_right=st.sampled_from([True, True, True, False]))
    def redeem(self, code: Code, is_right: bool) -> Any:
        status, body = self.token(
            grant_type="authorization_code",
            client_id=code.grant.client_id,
            code=code.value,
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER if is_right else "w" * 43,
        )
        was_spent, code.is_spent = code.is_spent, True
        if was_spent:
            assert (status, body["error"]) in ((400, "invalid_grant"), (400, "invalid_client"))
            code.grant.is_over = True
            return multiple()
        if not is_right or self.now >= code.expires_at or not code.grant.is_live(self.now):
            assert status == 400
            return multiple()
        assert status == 200, body
        return self.kept(body, code.grant)

    @rule(code=codes, thief=registered)
    def redeem_as_another(self, code: Code, thief: str) -> None:
        if thief == code.grant.client_id:
            return
        status, body = self.token(
            grant_type="authorization_code",
            client_id=thief,
            code=code.value,
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER,
        )
        assert status == 400
        if body["error"] != "invalid_client":
            code.grant.is_over = code.grant.is_over or code.is_spent
            code.is_spent = True

    @rule(target=pairs, pair=pairs)
    def refresh(self, pair: Pair) -> Any:
        status, body = self.token(
            grant_type="refresh_token", client_id=pair.grant.client_id, refresh_token=pair.refresh
        )
        is_idle = self.now >= pair.issued_at + timedelta(days=REFRESH_IDLE_DAYS)
        if not pair.grant.is_live(self.now) or is_idle:
            assert status == 400
            return multiple()
        if pair.used_at is None:
            assert status == 200, body
            pair.used_at = self.now
            pair.answer = self.kept(body, pair.grant)
            return pair.answer
        assert pair.answer is not None
        is_soon = self.now < pair.used_at + timedelta(seconds=REPLAY_SECONDS)
        if is_soon and pair.answer.used_at is None:
            assert (status, body["refresh_token"]) == (200, pair.answer.refresh)
            return multiple()
        assert (status, body["error"]) == (400, "invalid_grant")
        pair.grant.is_over = True
        return multiple()

    @rule(pair=pairs, thief=registered)
    def refresh_as_another(self, pair: Pair, thief: str) -> None:
        if thief == pair.grant.client_id:
            return
        status, body = self.token(grant_type="refresh_token", client_id=thief, refresh_token=pair.refresh)
        assert status == 400
        if body["error"] != "invalid_client":
            pair.grant.is_over = True

    @rule(pair=pairs, by=st.sampled_from(["access", "refresh"]))
    def revoke(self, pair: Pair, by: str) -> None:
        form = [("client_id", pair.grant.client_id), ("token", getattr(pair, by))]
        status, _, _ = self.run(self.server.revoke(form))
        assert status == 200 or not pair.grant.is_live(self.now)
        pair.grant.is_over = pair.grant.is_over or status == 200

    # The clock ---------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        """What came to nothing is ended: given, and its code never fetched or never used."""
        self.run(self.server.sweep())

    # What must hold after each step --------------------------------------------------------------------------------

    def accepts(self, bearer: str) -> bool:
        try:
            self.run(self.appliance.agents_door.actor_of(f"Bearer {bearer}", path="/mcp"))
        except Unauthorized:
            return False
        return True

    @invariant()
    def an_access_token_is_good_exactly_as_long_as_what_it_stands_on(self) -> None:
        for pair in self.issued:
            must_be = pair.grant.is_live(self.now) and self.now < pair.access_until
            assert self.accepts(pair.access) is must_be

    @invariant()
    def no_good_token_has_lost_its_grant_its_client_or_its_agent(self) -> None:
        if self.appliance._core is None:
            return
        good = [pair for pair in self.issued if self.accepts(pair.access)]
        facts = self.run(self.appliance._core.database.read(lambda tx: [self.ground_of(tx, pair) for pair in good]))
        assert all(facts)

    def ground_of(self, tx: Tx, pair: Pair) -> bool:
        consent = consents.find(tx, pair.grant.consent.id)
        client: Client | None = clients.find(tx, pair.grant.client_id)
        agent = tx.find("SELECT id FROM agents WHERE id = :id", id=pair.grant.consent.agent_id)
        return consent is not None and consent.revoked_at is None and client is not None and agent is not None

    @invariant()
    def a_refresh_token_is_kept_only_under_a_consent_that_was_not_revoked(self) -> None:
        if self.appliance._core is None:
            return
        orphans = self.run(
            self.appliance._core.database.read(
                lambda tx: tx.all(
                    "SELECT 1 FROM refresh_tokens r JOIN consents c ON c.id = r.consent_id "
                    "WHERE c.revoked_at IS NOT NULL"
                )
            )
        )
        assert orphans == []


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
