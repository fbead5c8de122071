"""Where a secret may be opened: a short list of files. One that is not listed fails, and so does a stale entry."""

import ast
from pathlib import Path

from tests.architecture.sources import shipped, tree_of

OPENERS = {"reveal", "get_secret_value"}

MAY_OPEN = {
    "stack_local/app.py": "hands the database key to the one connection that needs it, and the new recovery code back",
    "stack_local/client.py": "the bearer and the secrets of a request or a form, on their way to our own listeners",
    "stack_local/demo/performance.py": "the first characters of the demo's own made-up credential",
    "stack_local/demo/story.py": "the demo's own credential and key, which nobody else has a use for",
    "stack_local/demo/throwaway.py": "the session of the demo's own person",
    "stack_local/demo/transcript.py": "the demo's credential, to find it in the agent's transcript",
    "stack_local/domain/lookalikes.py": "a new credential, to tell it from another service's by its form",
    "stack_local/domain/secrets.py": "the type itself",
    "stack_local/launch.py": "looks an operator session up in this process",
    "stack_local/egress/tls.py": "the key to a certificate, to show it to a service",
    "stack_local/oauth/assertions.py": "a private key, to sign an assertion for a token",
    "stack_local/oauth/service_account.py": "the file of a service account, to read it",
    "stack_local/oauth/tokens.py": "a new access token, shown once",
    "stack_local/oauth/renewal.py": "what renews a credential, on its way to be sealed; an app's id and installation",
    "stack_local/oauth/upstream.py": "codes, tokens and client secrets, on their way to the service that gave them",
    "stack_local/operations/attempts.py": "what a log-in proves itself with, on its way to be sealed",
    "stack_local/operations/calls.py": "a passport token, on its way to be checked",
    "stack_local/operations/connecting.py": "the secret of a person's application, on its way to be sealed",
    "stack_local/operations/credentials.py": "a credential for an agent that a person set to `direct`",
    "stack_local/operations/drafts.py": "a new credential, on its way to be sealed",
    "stack_local/operations/logging_in.py": "the address a browser was sent to, which holds a code",
    "stack_local/operations/minting.py": "a new passport, shown once; a passport token, on its way to be checked",
    "stack_local/operations/passports.py": "passport tokens, on their way to be checked",
    "stack_local/operations/sealing.py": "what renews a credential that is replaced, on its way to be sealed again",
    "stack_local/operations/services.py": "a new credential, on its way to be sealed",
    "stack_local/operations/vault.py": "a passphrase, on its way to the slots; a session, on its way to the person",
    "stack_local/proxy/inject.py": "the same",
    "stack_local/proxy/scrub.py": "a credential, to find its echo",
    "stack_local/proxy/sigv4.py": "a secret access key, to sign with; a session token, on its way into the call",
    "stack_local/surfaces/cli/import_secrets.py": "an .env file, to read one variable of it",
    "stack_local/surfaces/cli/login_file.py": "the command's own refresh token, on its way into its private file",
    "stack_local/surfaces/cli/recovery.py": "the recovery code, on its way to the terminal or its file",
    "stack_local/surfaces/cli/secret_files.py": "a secret that was read from a file, on its way into a request",
    "stack_local/surfaces/cli/session.py": "a session, on its way to the client",
    "stack_local/surfaces/cli/vault.py": "what `init` prints once; its session",
    "stack_local/vault/anchor.py": "the database key, to authenticate the anchor",
    "stack_local/vault/credential_fields.py": "a credential, on its way to be sealed",
    "stack_local/vault/header.py": "wrapping keys",
    "stack_local/vault/keyring.py": "the key that the operating system keeps",
    "stack_local/vault/keys.py": "keys, to derive others",
    "stack_local/vault/passphrase.py": "a passphrase, to judge it",
    "stack_local/vault/recovery_code.py": "a recovery code, to decode it",
    "stack_local/vault/references.py": "an entry that `pass` printed, to find the line that is asked for",
    "stack_local/vault/seal.py": "the credential key, to seal and open",
    "stack_local/vault/signing.py": "the signing key, to load it",
    "stack_local/vault/slots.py": "the database key, on its way into the operating system's keyring and back",
    "stack_local/surfaces/oauth.py": "a passport that was exchanged, shown once",
    "stack_local/wire/consents.py": "a one-time code, shown once",
    "stack_local/wire/credentials.py": "the one answer that discloses a credential",
    "stack_local/wire/keys.py": "a new API key, shown once",
    "stack_local/wire/passports.py": "a new passport, shown once",
    "stack_local/wire/vault.py": "the recovery code and a session, shown once",
    "tui/app.py": "a session, on its way to the client",
    "tui/screens/key.py": "a new API key, shown once",
    "tui/screens/setup.py": "the recovery code, shown once",
}
"""File to what it opens and why."""


def _opens(path: Path) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in OPENERS for node in ast.walk(tree_of(path))) or any(
        isinstance(node, ast.FunctionDef) and node.name in OPENERS for node in ast.walk(tree_of(path))
    )


def test_a_secret_is_opened_in_the_listed_files_and_in_no_other() -> None:
    assert {str(path) for path in shipped() if _opens(path)} == set(MAY_OPEN)
