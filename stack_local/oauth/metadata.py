"""The documents by which a client finds its way: RFC 8414 and RFC 9728."""

from stack_local.domain import scopes

Document = dict[str, object]

AUTHORIZATION_SERVER_PATH = "/.well-known/oauth-authorization-server"
PROTECTED_RESOURCE_PATH = "/.well-known/oauth-protected-resource"

RESOURCE_PATHS = ("", "/mcp", "/mcp/core")
"""What tokens are for (RFC 8707): the whole appliance, or one of the two MCP endpoints."""

GRANT_TYPES = ("authorization_code", "refresh_token")
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"

SCOPES = tuple(scope for scope in scopes.DESCRIPTIONS if scope in scopes.OAUTH)
USUAL_SCOPES = tuple(scope for scope in scopes.DESCRIPTIONS if scope in scopes.OAUTH_USUAL)
"""In the catalogue's order, which is the consent page's."""


def authorization_server(base_url: str, *, fetches_documents: bool = False) -> Document:
    """RFC 8414, section 2. Every endpoint has the issuer's origin."""
    # Said only where it is so: clients that see the member use it at once, whatever it says.
    documents: Document = {"client_id_metadata_document_supported": True} if fetches_documents else {}
    return {
        "issuer": base_url,
        "authorization_endpoint": f"{base_url}/oauth/authorize",
        "token_endpoint": f"{base_url}/oauth/token",
        "registration_endpoint": f"{base_url}/oauth/register",
        "revocation_endpoint": f"{base_url}/oauth/revoke",
        "introspection_endpoint": f"{base_url}/oauth/introspect",
        "device_authorization_endpoint": f"{base_url}/oauth/device_authorization",
        "jwks_uri": f"{base_url}/v1/.well-known/jwks.json",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [*GRANT_TYPES, DEVICE_GRANT, EXCHANGE_GRANT],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        **documents,
    }


def protected_resource(base_url: str, path: str) -> Document:
    """RFC 9728, section 2, of the resource at this path."""
    return {
        "resource": f"{base_url}{path}",
        "resource_name": "stack_local",
        "authorization_servers": [base_url],
        # Most clients ask for all that stands here (MCP 2025-11-25, "Scope Selection Strategy"): the usual ones.
        "scopes_supported": list(USUAL_SCOPES),
        "bearer_methods_supported": ["header"],
    }
