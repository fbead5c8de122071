"""What the authorization server stands on: clock, keys, log and addresses."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from stack_local.domain.audit import Outcome
from stack_local.domain.consents import TAG_ALPHABET
from stack_local.oauth.metadata import RESOURCE_PATHS
from stack_local.store.audit import Scribe
from stack_local.store.database import Tx
from stack_local.system import System
from stack_local.vault.vault import Vault

Pairs = list[tuple[str, str]]
"""Parameters in the order in which they came, each as often as it came."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The ports of the authorization server."""

    base_url: str
    """The issuer: no slash at its end."""
    system: System
    vault: Vault
    scribe: Scribe

    def new_value(self, prefix: str = "") -> str:
        """A fresh secret: 256 random bits behind its prefix."""
        return prefix + base64.urlsafe_b64encode(self.system.random_bytes(32)).rstrip(b"=").decode()

    def new_tag(self, length: int) -> str:
        """Letters that a person reads and types; each as likely as another, but for a hair."""
        number = int.from_bytes(self.system.random_bytes(32), "big")
        letters = []
        for _ in range(length):
            number, place = divmod(number, len(TAG_ALPHABET))
            letters.append(TAG_ALPHABET[place])
        return "".join(letters)

    def resource(self, raw_resource: str) -> str | None:
        """One of our resources as we write it; None if it is another's. A slash at the end and the case of the host
        make no other resource (RFC 3986, section 6.2)."""
        try:
            parts = urlsplit(raw_resource)
        except ValueError:
            return None
        written = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
        rest = raw_resource.rstrip("/")[len(written) :]
        ours = {f"{self.base_url}{path}" for path in RESOURCE_PATHS}
        return written if written in ours and not rest else None

    def record(
        self,
        tx: Tx,
        action: str,
        *,
        actor: str,
        agent_id: str | None = None,
        passport_jti: str | None = None,
        subject: str | None = None,
        **detail: str,
    ) -> None:
        """One record of what the authorization server did."""
        self.scribe.write(
            tx,
            trace_id=self.system.new_id("claim").replace("pc_", "trc_"),
            actor=actor,
            action=action,
            outcome=Outcome.SUCCESS,
            agent_id=agent_id,
            passport_jti=passport_jti,
            subject=subject,
            detail=dict(detail),
        )


def hash_value(value: str) -> str:
    """How a secret is kept: it is random, so a plain hash tells nothing."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
