"""Every single check of the authorization server and of OAuth bearers, and the test that falls without it."""

from tests.guards.table import AUTH, Guard

GRANTS = "stack_local/oauth/grants.py"
AUTHORIZATION = "stack_local/oauth/authorization.py"
CORE = "stack_local/oauth/core.py"
REGISTRATION = "stack_local/oauth/registration.py"
SURFACE = "stack_local/surfaces/oauth.py"
CLIENTS = "stack_local/domain/clients.py"
CONSENTS = "stack_local/domain/consents.py"
DECIDING = "stack_local/operations/consents.py"

OF_GRANTS = "tests/oauth/test_grants.py"
OF_TOKENS = "tests/oauth/test_tokens.py"
OF_SURFACE = "tests/surfaces/test_oauth.py"
OF_REQUESTS = "tests/oauth/test_authorization.py"
SHOWN_WRONGLY = f"{OF_GRANTS}::test_a_code_shown_wrongly_gives_nothing_and_is_burnt"

OAUTH_GUARDS = (
    Guard(
        "oauth: audience of an access token",
        AUTH,
        'if resource is not None and asked != resource and not asked.startswith(f"{resource}/"):',
        "if False:",
        f"{OF_TOKENS}::test_a_token_is_good_at_its_resource_and_below",
    ),
    Guard(
        "oauth: consent behind an access token",
        AUTH,
        "if consent is None or not is_live(consent, now):",
        "if consent is None:",
        "tests/oauth/test_server.py::test_a_revoked_consent_ends_its_tokens_at_once",
    ),
    Guard(
        "oauth: end of an access token",
        AUTH,
        "if now >= expires_at:",
        "if False:",
        f"{OF_TOKENS}::test_a_token_is_good_for_ten_minutes",
    ),
    Guard(
        "oauth: issuer of an access token",
        "stack_local/vault/vault.py",
        'if claims.get("iss") != issuer:',
        "if False:",
        f"{OF_TOKENS}::test_a_token_has_the_issuer_that_made_it",
    ),
    Guard(
        "oauth: PKCE is asked for",
        GRANTS,
        'if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":',
        "if False:",
        f"{OF_REQUESTS}::test_a_wrong_request_is_answered_at_the_redirect",
    ),
    Guard(
        "oauth: PKCE is checked",
        GRANTS,
        "core.register_grant(CodeGrant, [S256Challenge(required=True)])",
        "core.register_grant(CodeGrant)",
        SHOWN_WRONGLY,
    ),
    Guard(
        "oauth: redirect URI is one that was registered",
        CLIENTS,
        "return requested in registered or any(",
        "return True or any(",
        "tests/domain/test_clients.py::test_a_request_names_an_https_redirect_exactly",
    ),
    Guard(
        "oauth: redirect URI of the code",
        GRANTS,
        'return self.request.redirect_uri if self.is_redirect_due else ""',
        'return ""',
        SHOWN_WRONGLY,
    ),
    Guard(
        "oauth: a code is used once",
        GRANTS,
        "if not requests.move(tx, found.id, before=RequestState.ISSUED, after=RequestState.REDEEMED):",
        "if False:",
        f"{OF_GRANTS}::test_a_code_used_twice_takes_back_what_it_gave",
    ),
    Guard(
        "oauth: a code is good for a minute",
        GRANTS,
        "if is_over or found.client_id != client.client_id or not is_live(consent, now):",
        "if found.client_id != client.client_id or not is_live(consent, now):",
        f"{OF_GRANTS}::test_a_code_is_good_for_a_minute",
    ),
    Guard(
        "oauth: a code is its client's",
        GRANTS,
        "if is_over or found.client_id != client.client_id or not is_live(consent, now):",
        "if is_over or not is_live(consent, now):",
        f"{OF_GRANTS}::test_a_code_of_another_client_gives_nothing",
    ),
    Guard(
        "oauth: a code whose consent was revoked",
        GRANTS,
        "if is_over or found.client_id != client.client_id or not is_live(consent, now):",
        "if is_over or found.client_id != client.client_id:",
        f"{OF_GRANTS}::test_a_code_whose_consent_was_revoked_gives_nothing",
    ),
    Guard(
        "oauth: the resource stays the same",
        GRANTS,
        "if asked is not None and server.ground.resource(asked) != consent.resource:",
        "if False:",
        SHOWN_WRONGLY,
    ),
    Guard(
        "oauth: rotation",
        GRANTS,
        "            self._keep(made)\n",
        "            pass\n",
        "tests/oauth/test_server.py::test_a_refresh_token_is_rotated_and_its_use_is_answered_alike_for_half_a_minute",
    ),
    Guard(
        "oauth: reuse of a refresh token",
        CONSENTS,
        "return Refresh.REPLAY if is_soon and is_same else Refresh.REUSED",
        "return Refresh.REPLAY",
        f"{OF_GRANTS}::test_a_refresh_token_used_again_ends_the_family",
    ),
    Guard(
        "oauth: a refresh token is its client's",
        GRANTS,
        "if self.request.client.client_id != consent.client_id:",
        "if False:",
        f"{OF_GRANTS}::test_a_refresh_token_of_another_client_ends_the_family",
    ),
    Guard(
        "oauth: resource of a request",
        CORE,
        "    if found is None:\n        raise InvalidTargetError(",
        "    if False:\n        raise InvalidTargetError(",
        f"{OF_REQUESTS}::test_a_wrong_request_is_answered_at_the_redirect",
    ),
    Guard(
        "oauth: no parameter twice",
        CORE,
        "if len(set(names)) != len(names):",
        "if False:",
        "tests/oauth/test_core.py::test_a_form_keeps_the_rules_of_every_endpoint",
    ),
    Guard(
        "oauth: scopes are known ones",
        CONSENTS,
        "if not wanted <= scopes.OAUTH:",
        "if False:",
        "tests/domain/test_consents.py::test_scopes_are_known_ones_or_refused",
    ),
    Guard(
        "oauth: a redirect URI that may be registered",
        REGISTRATION,
        "if refused is not None:",
        "if False:",
        "tests/oauth/test_registration.py::test_a_bad_redirect_is_said_to_be_one",
    ),
    Guard(
        "oauth: the page is its browser's",
        AUTHORIZATION,
        "if is_over or not hmac.compare_digest(found.secret_hash, hash_value(secret)):",
        "if is_over:",
        f"{OF_SURFACE}::test_a_page_is_shown_to_its_own_browser_alone",
    ),
    Guard(
        "oauth: the form is the page's",
        SURFACE,
        '            if not hmac.compare_digest(form.get("csrf", "").encode(), _csrf(secret).encode()):',
        "            if False:",
        f"{OF_SURFACE}::test_a_button_counts_from_its_own_page_alone",
    ),
    Guard(
        "oauth: a log-in is decided once",
        DECIDING,
        "if asked.state is not RequestState.ASKED or ctx.now >= asked.expires_at:",
        "if ctx.now >= asked.expires_at:",
        "tests/operations/test_consents.py::test_a_request_is_decided_once",
    ),
    Guard(
        "oauth: the device grant is our own command's",
        "stack_local/oauth/device.py",
        "if client.client_id != FIRST_PARTY.id:",
        "if False:",
        "tests/oauth/test_device.py::test_a_device_log_in_that_breaks_a_rule_is_refused",
    ),
)
