"""The grants of the token endpoint, as authlib calls them: code, refresh, device. Each finds the consent it is for."""

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from stack_local.domain.consents import (
    CODE_SECONDS,
    AuthorizationRequest,
    Consent,
    Refresh,
    RefreshToken,
    RequestState,
    is_live,
    judge_refresh,
)
from stack_local.oauth.core import Core, CoreClient, CoreRequest, InvalidTargetError, Response
from stack_local.oauth.ground import Ground, hash_value
from stack_local.oauth.revocation import Revocation, end_unasked
from stack_local.store import authorization_requests as requests
from stack_local.store import consents
from stack_local.store.database import Tx


class S256Challenge(CodeChallenge):
    """PKCE by S256 alone, and never without it (OAuth 2.1; RFC 9700, section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: "CodeGrant", redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge with code_challenge_method=S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


@dataclass(frozen=True, slots=True)
class _Code:
    """A code as authlib asks it."""

    request: AuthorizationRequest
    consent: Consent
    is_redirect_due: bool
    code_challenge_method: str = "S256"

    @property
    def code_challenge(self) -> str:
        return self.request.code_challenge

    def get_redirect_uri(self) -> str:
        # RFC 6749, section 4.1.3: whoever did not name it need not name it now; authlib then compares nothing.
        return self.request.redirect_uri if self.is_redirect_due else ""

    def get_scope(self) -> str:
        return self.consent.scope


class CodeGrant(AuthorizationCodeGrant):
    """RFC 6749, section 4.1, with a code that is good for a minute and once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: Core
    request: CoreRequest
    waiting: AuthorizationRequest | None = None
    """The request whose code is made."""

    def generate_authorization_code(self) -> str:
        return self.server.ground.new_value()

    def save_authorization_code(self, code: str, request: CoreRequest) -> None:
        assert self.waiting is not None  # whoever asks for a code has said for what
        expires_at = self.server.now + timedelta(seconds=CODE_SECONDS)
        requests.set_code(self.server.tx, self.waiting.id, hash_value(code), expires_at=expires_at)

    def query_authorization_code(self, code: str, client: CoreClient) -> _Code | None:
        """The code, which is spent by being shown, rightly or wrongly."""
        tx, now = self.server.tx, self.server.now
        found = requests.find_by_code(tx, hash_value(code))
        if found is None or found.consent_id is None:
            return None
        consent = consents.get(tx, found.consent_id)
        if not requests.move(tx, found.id, before=RequestState.ISSUED, after=RequestState.REDEEMED):
            # RFC 9700, section 2.1.1: shown twice, somebody else has it; what it gave is taken back.
            end_unasked(tx, self.server.ground, consent, now, reason="its code was used twice")
            return None
        is_over = found.code_expires_at is None or now >= found.code_expires_at
        if is_over or found.client_id != client.client_id or not is_live(consent, now):
            return None
        _check_same_resource(self.server, self.request, consent)
        self.server.consent = consent
        was_named = any(name == "redirect_uri" and value for name, value in parse_qsl(found.parameters))
        return _Code(found, consent, is_redirect_due=was_named or bool(self.request.payload.redirect_uri))

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """Nothing: it is spent, and kept so that a second use is noticed."""

    def authenticate_user(self, authorization_code: _Code) -> str:
        return self.server.ground.scribe.operator_id


@dataclass(frozen=True, slots=True)
class _Refresh(TokenMixin):
    """A refresh token as authlib asks it."""

    token: RefreshToken
    consent: Consent

    def check_client(self, client: CoreClient) -> bool:
        return client.client_id == self.consent.client_id

    def get_scope(self) -> str:
        return self.consent.scope


class RefreshGrant(RefreshTokenGrant):
    """RFC 6749, section 6, with rotation; the same request at once gets the same answer."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Core
    request: CoreRequest
    _replayed: bytes | None = None

    def authenticate_refresh_token(self, refresh_token: str) -> _Refresh | None:
        tx, now = self.server.tx, self.server.now
        token = consents.find_refresh(tx, hash_value(refresh_token))
        if token is None:
            return None
        consent = consents.get(tx, token.consent_id)
        if self.request.client.client_id != consent.client_id:
            end_unasked(tx, self.server.ground, consent, now, reason="another client showed its refresh token")
            return None
        _check_same_resource(self.server, self.request, consent)
        match judge_refresh(token, consent, now, asked=self._asked()):
            case Refresh.OVER:
                return None
            case Refresh.REUSED:
                end_unasked(tx, self.server.ground, consent, now, reason="its refresh token was used twice")
                return None
            case Refresh.REPLAY:
                self._replayed = token.answer
            case Refresh.ROTATE:
                pass
        self.server.consent = consent
        return _Refresh(token, consent)

    def _asked(self) -> str:
        return " ".join(sorted((self.request.payload.scope or "").split()))

    def create_token_response(self) -> Response:
        if self._replayed is None:
            made: Response = super().create_token_response()
            self._keep(made)
            return made
        plain = self.server.ground.vault.open_content(
            self._replayed, row_id=self.request.refresh_token.token.token_hash
        )
        return 200, json.loads(plain), list(self.TOKEN_RESPONSE_HEADER)

    def _keep(self, made: Response) -> None:
        """Spend the token that was shown; its answer is kept for a twin that asks again at once."""
        token_hash = self.request.refresh_token.token.token_hash
        plain = json.dumps(made[1]).encode()
        sealed = self.server.ground.vault.seal_content(plain, row_id=token_hash)
        consents.use_refresh(self.server.tx, token_hash, at=self.server.now, asked=self._asked(), answer=sealed)

    def revoke_old_credential(self, refresh_token: _Refresh) -> None:
        """Nothing: `_keep` spends it together with its answer."""

    def authenticate_user(self, refresh_token: _Refresh) -> str:
        return self.server.ground.scribe.operator_id


@dataclass(frozen=True, slots=True)
class _Device:
    """A device code as authlib asks it."""

    request: AuthorizationRequest
    is_over: bool

    def get_client_id(self) -> str:
        return self.request.client_id

    def get_scope(self) -> str:
        return self.request.scope

    def get_user_code(self) -> str:
        return self.request.id

    def is_expired(self) -> bool:
        return self.is_over


class DeviceGrant(DeviceCodeGrant):
    """RFC 8628, section 3.4, for our own command: the code is typed into the terminal."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: Core
    request: CoreRequest

    def query_device_credential(self, device_code: str) -> _Device:
        found = requests.find_by_secret(self.server.tx, hash_value(device_code))
        if found is None or not found.is_device:
            # authlib calls it malformed; RFC 6749, section 5.2 has a word for a grant that is not good.
            raise InvalidGrantError("the device code is unknown")
        return _Device(found, is_over=self.server.now >= found.expires_at)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        tx, now = self.server.tx, self.server.now
        found = requests.get(tx, user_code)
        if found.state is RequestState.REFUSED:
            return self.server.ground.scribe.operator_id, False
        asked = self.request.payload.data.get("resource")
        if asked is not None and self.server.ground.resource(asked) != found.resource:
            raise InvalidTargetError(f"the log-in is for {found.resource}")
        if not requests.move(tx, found.id, before=RequestState.GIVEN, after=RequestState.REDEEMED):
            if found.state is RequestState.REDEEMED:
                raise InvalidGrantError("the device code was used")
            return None
        assert found.consent_id is not None  # given means that there is one
        consent = consents.get(tx, found.consent_id)
        if not is_live(consent, now):
            raise InvalidGrantError("the consent was revoked")
        self.server.consent = consent
        return self.server.ground.scribe.operator_id, True

    def should_slow_down(self, credential: _Device) -> bool:
        return False


def _check_same_resource(server: Core, request: CoreRequest, consent: Consent) -> None:
    asked = request.payload.data.get("resource")
    if asked is not None and server.ground.resource(asked) != consent.resource:
        raise InvalidTargetError(f"the consent is for {consent.resource}")


def core_over(tx: Tx, ground: Ground) -> Core:
    """authlib's server over one transaction, with everything it serves."""
    core = Core(tx, ground, ground.system.now())
    core.register_grant(CodeGrant, [S256Challenge(required=True)])
    core.register_grant(RefreshGrant)
    core.register_grant(DeviceGrant)
    core.register_endpoint(Revocation)
    return core
