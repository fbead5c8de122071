"""What the fake appliance offers to connect: templates, proposals, log-ins, and the answers to connecting them."""

from datetime import timedelta
from typing import Any

from stack_local.domain.services import InjectionStyle
from stack_local.wire import connecting, credentials, proposals, services
from tests.tui.world import NOW, World, connection, identifier

TOKEN = "ghp_Zx9secretQ7"
AUTHORIZE = "https://github.com/login/oauth/authorize?client_id=Iv1&state=" + "s" * 90


def field(name: str = "value", label: str = "Access token", **changes: Any) -> services.CredentialField:
    """One field of a credential."""
    return services.CredentialField(**({"name": name, "label": label, "hint": "ghp_…", "secret": True} | changes))


def scope(name: str, words: str, **changes: Any) -> services.TemplateScope:
    """One permission at a service."""
    return services.TemplateScope(**({"name": name, "words": words, "needed_for": "read", "usual": False} | changes))


def template(provider: str = "github", **changes: Any) -> services.CredentialTemplate:
    """A verified service, connected by a token."""
    values: dict[str, Any] = {
        "provider": provider,
        "name": "GitHub",
        "description": "Repositories.",
        "injection": services.InjectionSpec(style=InjectionStyle.BEARER),
        "fields": [field()],
        "is_service": True,
        "checked": True,
        "version": "ab" * 32,
        "hosts": ["api.github.com", "uploads.github.com"],
        "placeholders": [],
        "scopes": [
            scope("read:user", "see your profile", usual=True),
            scope("repo", "read and write all your repositories", needed_for="write"),
            scope("delete_repo", "delete repositories", needed_for="write"),
        ],
        "token_url": "https://github.com/settings/tokens/new?scopes={scopes}",
        "token_steps": "Choose an expiry, generate, copy.",
        "token_scopes_separator": ",",
        "flows": [],
        "application_url": None,
        "key_fields": [],
    }
    return services.CredentialTemplate(**(values | changes))


def with_login(**changes: Any) -> services.CredentialTemplate:
    """A service that one can log in at."""
    values: dict[str, Any] = {
        "flows": ["authorization_code", "device_code"],
        "application_url": "https://github.com/settings/applications/new",
    }
    return template(**(values | changes))


def jira() -> services.CredentialTemplate:
    """An unverified service whose host has a part of the account's own."""
    return template(
        "jira",
        name="Jira",
        hosts=["{{site}}.atlassian.net"],
        checked=False,
        placeholders=[field("site", "Site", hint="what stands before .atlassian.net", secret=False)],
        fields=[field("username", "E-mail", secret=False), field("password", "API token")],
        scopes=[],
        token_url=None,
        token_steps=None,
    )


def proposal(number: int = 1, **changes: Any) -> proposals.Proposal:
    """What an agent asks for."""
    values: dict[str, Any] = {
        "id": identifier("apr", number),
        "provider": "github",
        "name": "site repository",
        "scopes": ["repo", "admin:org"],
        "reason": "to open the follow-up issues",
        "asked_by": "key release-bot",
        "agent_id": identifier("agt", 1),
        "status": "pending",
        "submitted_at": NOW,
        "expires_at": NOW + timedelta(hours=24),
        "notes": None,
    }
    return proposals.Proposal(**(values | changes))


def attempt(**changes: Any) -> connecting.ConnectAttempt:
    """A log-in that waits."""
    values: dict[str, Any] = {
        "id": identifier("att", 1),
        "provider": "github",
        "name": "GitHub",
        "flow": "authorization_code",
        "status": "waiting",
        "reason": None,
        "authorization_url": AUTHORIZE,
        "user_code": None,
        "verification_uri": None,
        "connection_id": None,
        "asked_by": "session",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=10),
    }
    return connecting.ConnectAttempt(**(values | changes))


def connected_at_once(asked: connecting.ConnectService) -> connecting.ServiceConnecting:
    """The answer where a secret was typed."""
    made = connection(9, provider=asked.service_id)
    return connecting.ServiceConnecting(
        id=made.id,
        provider=asked.service_id,
        status="connected",
        connection=made,
        attempt_id=None,
        authorization_url=None,
    )


def log_in_begun(asked: connecting.ConnectService) -> connecting.ServiceConnecting:
    """The answer where the person logs in."""
    return connecting.ServiceConnecting(
        id=None,
        provider=asked.service_id,
        status="pending",
        connection=None,
        attempt_id=attempt().id,
        authorization_url=AUTHORIZE,
    )


def metadata(**changes: Any) -> credentials.CredentialMetadata:
    """The credential of the first connection."""
    values: dict[str, Any] = {
        "connection_id": identifier("scon", 1),
        "provider": "custom_github",
        "fields": ["value"],
        "version": 1,
        "created_at": NOW,
        "source": "typed",
        "expires_at": None,
        "has_previous": True,
    }
    return credentials.CredentialMetadata(**(values | changes))


def rotated(_: object) -> credentials.RotatedCredential:
    """The answer to a rotation and to going back."""
    return credentials.RotatedCredential(
        connection_id=identifier("scon", 1), provider="custom_github", credential_version=2, ended_approvals=1
    )


class Offers(World):
    """An appliance with a catalogue."""

    def __init__(self, *templates: services.CredentialTemplate) -> None:
        super().__init__()
        self.templates = list(templates) or [template(), jira()]
        self.proposals: list[proposals.Proposal] = []
        self.attempt = attempt()
        self.client.answer(connecting.ConnectService, connected_at_once)
        self.client.answer(connecting.GetConnectAttempt, lambda _: self.attempt)
        self.client.answer(proposals.ListProposals, lambda _: proposals.Proposals(items=self.proposals))
        self.client.answer(proposals.DeclineProposal, self._decline)
        self.client.answer(credentials.ListCredentials, lambda _: credentials.CredentialList(items=[metadata()]))
        self.client.answer(credentials.RotateCredential, rotated)
        self.client.answer(credentials.UndoCredential, rotated)

    def _decline(self, asked: proposals.DeclineProposal) -> proposals.Proposal:
        found = next(known for known in self.proposals if known.id == asked.proposal_id)
        self.proposals.remove(found)
        return found
