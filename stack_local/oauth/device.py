"""The device grant's first step (RFC 8628, section 3.1), for our own command: the code is typed into the terminal."""

from authlib.oauth2.rfc6749.errors import InvalidScopeError, UnauthorizedClientError

from stack_local.domain.consents import REQUEST_MINUTES
from stack_local.oauth.authorization import check_room, new_request
from stack_local.oauth.core import FIRST_PARTY, Core, CoreRequest, Response, check_form, check_resource
from stack_local.oauth.ground import Ground, Pairs, hash_value
from stack_local.store import authorization_requests as requests

INTERVAL_SECONDS = 2
USER_CODE_LENGTH = 8
"""39 bits, good for one request within ten minutes."""


def begin_device(core: Core, pairs: Pairs) -> Response:
    """Take a log-in of our own command.

    Raises:
        OAuth2Error: another client, an unknown scope or resource.
        TooMany: enough of them wait.
    """
    check_form(pairs)
    asked = CoreRequest("POST", pairs)
    client = core.authenticate_client(asked, ["none"])
    if client.client_id != FIRST_PARTY.id:
        raise UnauthorizedClientError("the device grant is for the appliance's own command")
    scope = client.get_allowed_scope(asked.payload.scope)
    if scope is None:
        raise InvalidScopeError()
    check_room(core, client)
    ground = core.ground
    device_code, user_code = ground.new_value(), ground.new_tag(USER_CODE_LENGTH)
    opened = new_request(
        core,
        client,
        secret=device_code,
        parameters="",
        redirect_uri="",
        scope=scope,
        resource=check_resource(ground, asked.payload.data.get("resource", ground.base_url)),
        code_challenge="",
    )
    requests.insert(core.tx, opened)
    requests.set_user_code(core.tx, opened.id, hash_value(user_code))
    return 200, _answer(ground, device_code, user_code), []


def _answer(ground: Ground, device_code: str, user_code: str) -> dict[str, object]:
    half = USER_CODE_LENGTH // 2
    return {
        "device_code": device_code,
        "user_code": f"{user_code[:half]}-{user_code[half:]}",
        "verification_uri": f"{ground.base_url}/oauth/device",
        "expires_in": REQUEST_MINUTES * 60,
        "interval": INTERVAL_SECONDS,
    }
