"""The way out of the network: directly, or through the proxy of a company, whose own authority may be trusted."""

import json
import ssl
from dataclasses import dataclass

from stack_local.domain.urls import HostPort, parse_host_port
from stack_local.egress.tls import make_tls_context, public_context

WAY_OUT = "way_out"
"""The name under which the vault keeps what a person chose."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person said; by itself: directly, and public authorities alone."""

    proxy: HostPort | None = None
    """Asked to CONNECT to every host outside (RFC 9110, section 9.3.6)."""
    ca: str | None = None
    """Certificates in PEM that are trusted for every service besides the public ones."""

    def encode(self) -> str:
        """For the vault."""
        return json.dumps({"proxy": None if self.proxy is None else self.proxy.text, "ca": self.ca})

    @classmethod
    def decode(cls, kept: str) -> "Chosen":
        """What `encode` gave."""
        fields = json.loads(kept)
        return cls(None if fields["proxy"] is None else parse_host_port(fields["proxy"]), fields["ca"])


class Way:
    """What all that leaves the machine asks before it connects. `app.py` keeps one."""

    def __init__(self, chosen: Chosen | None = None) -> None:
        self.take(chosen or Chosen())

    def take(self, chosen: Chosen) -> None:
        """Go this way from the next connection on.

        Raises:
            InvalidRequest: the certificates cannot be read; nothing has changed.
        """
        self._tls = None if chosen.ca is None else make_tls_context(ca=chosen.ca)
        self.chosen = chosen

    @property
    def tls(self) -> ssl.SSLContext:
        """The context for a service whose credential asks for none of its own."""
        return self._tls or public_context()
