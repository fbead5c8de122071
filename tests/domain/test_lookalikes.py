"""Which hosts are found to resemble a known one, which are left in peace, and which secrets are another service's."""

import re

import pytest

from stack_local.domain import lookalikes
from stack_local.domain.lookalikes import Likeness, Lookalike, find_lookalike, foreign_format
from stack_local.domain.secrets import Secret

KNOWN = {
    "github": ("api.github.com", "uploads.github.com"),
    "gitlab": ("gitlab.com",),
    "slack": ("slack.com", "*.slack.com"),
    "stripe": ("api.stripe.com", "files.stripe.com"),
    "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",),
    "notion": ("api.notion.com",),
    "linear": ("api.linear.app",),
    "atlassian": ("api.atlassian.com", "*.atlassian.net"),
    "google": ("oauth2.googleapis.com", "www.googleapis.com"),
    "hubspot": ("api.hubapi.com",),
    "cloudflare": ("api.cloudflare.com",),
    "auth0": ("*.auth0.com",),
    "okta": ("*.okta.com",),
    "zoom": ("api.zoom.us",),
    "box": ("api.box.com",),
    "xai": ("api.x.ai",),
    "twilio": ("api.twilio.com",),
    "amazon-jp": ("api.amazon.co.jp",),
    "local": ("127.0.0.1", "localhost"),
}
"""Providers as a catalogue has them."""

FOUND = [
    # One letter added, left out, changed, or changed with its neighbor
    ("githb.com", Likeness.ONE_LETTER, "github"),
    ("githubb.com", Likeness.ONE_LETTER, "github"),
    ("ggithub.com", Likeness.ONE_LETTER, "github"),
    ("ithub.com", Likeness.ONE_LETTER, "github"),
    ("githib.com", Likeness.ONE_LETTER, "github"),
    ("gihtub.com", Likeness.ONE_LETTER, "github"),
    ("igthub.com", Likeness.ONE_LETTER, "github"),
    ("githbu.com", Likeness.ONE_LETTER, "github"),
    ("git-hub.com", Likeness.ONE_LETTER, "github"),
    ("github-.com", Likeness.ONE_LETTER, "github"),
    ("api.githbu.com", Likeness.ONE_LETTER, "github"),
    ("githbu.io", Likeness.ONE_LETTER, "github"),
    ("githbu.co.uk", Likeness.ONE_LETTER, "github"),
    ("GITHBU.COM", Likeness.ONE_LETTER, "github"),
    ("githbu.com.", Likeness.ONE_LETTER, "github"),
    ("gitlabs.com", Likeness.ONE_LETTER, "gitlab"),
    ("stripes.com", Likeness.ONE_LETTER, "stripe"),
    ("strpe.com", Likeness.ONE_LETTER, "stripe"),
    ("api.opneai.com", Likeness.ONE_LETTER, "openai"),
    ("antropic.com", Likeness.ONE_LETTER, "anthropic"),
    ("anthroppic.com", Likeness.ONE_LETTER, "anthropic"),
    ("googelapis.com", Likeness.ONE_LETTER, "google"),
    ("googleapi.com", Likeness.ONE_LETTER, "google"),
    ("atlasian.net", Likeness.ONE_LETTER, "atlassian"),
    ("hubapis.com", Likeness.ONE_LETTER, "hubspot"),
    ("hubspi.com", Likeness.ONE_LETTER, "hubspot"),
    ("slak.com", Likeness.ONE_LETTER, "slack"),
    ("salck.com", Likeness.ONE_LETTER, "slack"),
    # Words of their own, and near: a person is asked; of five letters under the same ending alone
    ("motion.com", Likeness.ONE_LETTER, "notion"),
    ("stack.com", Likeness.ONE_LETTER, "slack"),
    # Digits for letters
    ("g1thub.com", Likeness.DIGITS, "github"),
    ("api.g1thub.com", Likeness.DIGITS, "github"),
    ("g1thub.io", Likeness.DIGITS, "github"),
    ("gith0b.com", Likeness.ONE_LETTER, "github"),
    ("sl4ck.com", Likeness.DIGITS, "slack"),
    ("s1ack.com", Likeness.DIGITS, "slack"),
    ("5tripe.com", Likeness.DIGITS, "stripe"),
    ("str1pe.com", Likeness.DIGITS, "stripe"),
    ("0penai.com", Likeness.DIGITS, "openai"),
    ("0pen41.com", Likeness.DIGITS, "openai"),
    ("n0t10n.com", Likeness.DIGITS, "notion"),
    ("g00gleapis.com", Likeness.DIGITS, "google"),
    ("0kta.com", Likeness.DIGITS, "okta"),
    ("z00m.us", Likeness.DIGITS, "zoom"),
    ("b0x.com", Likeness.DIGITS, "box"),
    ("4uth0.com", Likeness.DIGITS, "auth0"),
    # Drawn alike, in Latin letters
    ("glthub.com", Likeness.CONFUSABLE, "github"),
    ("gltlab.com", Likeness.CONFUSABLE, "gitlab"),
    ("siack.com", Likeness.CONFUSABLE, "slack"),
    ("iinear.app", Likeness.CONFUSABLE, "linear"),
    ("doudflare.com", Likeness.CONFUSABLE, "cloudflare"),
    ("arnazon.co.jp", Likeness.CONFUSABLE, "amazon-jp"),
    ("tvvilio.com", Likeness.CONFUSABLE, "twilio"),
    ("autho.com", Likeness.CONFUSABLE, "auth0"),
    ("goog1eapls.com", Likeness.DIGITS, "google"),
    # Drawn alike, in letters of other scripts
    ("xn--gthub-n2e.com", Likeness.CONFUSABLE, "github"),
    ("api.xn--gthub-n2e.com", Likeness.CONFUSABLE, "github"),
    ("gіthub.com", Likeness.CONFUSABLE, "github"),
    ("XN--GTHUB-N2E.COM", Likeness.CONFUSABLE, "github"),
    ("xn--gthub-zsa.com", Likeness.CONFUSABLE, "github"),
    ("xn--githb-nva.com", Likeness.CONFUSABLE, "github"),
    ("xn--ithub-qmc.com", Likeness.CONFUSABLE, "github"),
    ("xn--gthub-n4a.com", Likeness.CONFUSABLE, "github"),
    ("xn--tripe-g2e.com", Likeness.CONFUSABLE, "stripe"),
    ("xn--lack-f9d.com", Likeness.CONFUSABLE, "slack"),
    ("xn--sack-vre.com", Likeness.CONFUSABLE, "slack"),
    ("xn--n-8sbn9ak9k.com", Likeness.CONFUSABLE, "openai"),
    ("xn--penai-qce.com", Likeness.CONFUSABLE, "openai"),
    ("xn--noton-p2e.com", Likeness.CONFUSABLE, "notion"),
    ("xn--tlassian-06g.net", Likeness.CONFUSABLE, "atlassian"),
    ("xn--inear-j7a.app", Likeness.CONFUSABLE, "linear"),
    ("ｇｉｔｈｕｂ.com", Likeness.CONFUSABLE, "github"),
    ("xn--gthub-n2e.evil", Likeness.CONFUSABLE, "github"),
    # In other scripts, and near
    ("xn--gthubb-pvf.com", Likeness.PUNYCODE, "github"),
    ("xn--gthub-api-v9h.com", Likeness.PUNYCODE, "github"),
    ("gіthub-login.com", Likeness.PUNYCODE, "github"),
    # Another ending
    ("github.co", Likeness.ENDING, "github"),
    ("github.cm", Likeness.ENDING, "github"),
    ("github.om", Likeness.ENDING, "github"),
    ("api.github.net", Likeness.ENDING, "github"),
    ("api.github.dev", Likeness.ENDING, "github"),
    ("github.com.co", Likeness.ENDING, "github"),
    ("github.co.uk", Likeness.ENDING, "github"),
    ("slack.io", Likeness.ENDING, "slack"),
    ("stripe.dev", Likeness.ENDING, "stripe"),
    ("linear.com", Likeness.ENDING, "linear"),
    ("zoom.com", Likeness.ENDING, "zoom"),
    ("box.net", Likeness.ENDING, "box"),
    ("amazon.com", Likeness.ENDING, "amazon-jp"),
    ("amazon.jp", Likeness.ENDING, "amazon-jp"),
    ("github.xn--p1ai", Likeness.ENDING, "github"),
    # The known name inside another domain
    ("api.github.com.evil.io", Likeness.INSIDE, "github"),
    ("github.com.evil.io", Likeness.INSIDE, "github"),
    ("x.github.com.a.b.evil.co.uk", Likeness.INSIDE, "github"),
    ("api-github-com.evil.io", Likeness.INSIDE, "github"),
    ("github-com.evil.io", Likeness.INSIDE, "github"),
    ("github-com.io", Likeness.INSIDE, "github"),
    ("linear-app.com", Likeness.INSIDE, "linear"),
    ("api-amazon-co-jp.evil.io", Likeness.INSIDE, "amazon-jp"),
    ("github-api.com", Likeness.INSIDE, "github"),
    ("api-github.com", Likeness.INSIDE, "github"),
    ("my-github-mirror.com", Likeness.INSIDE, "github"),
    ("github-anything.org", Likeness.INSIDE, "github"),
    ("g1thub-api.com", Likeness.INSIDE, "github"),
    ("githubapi.com", Likeness.INSIDE, "github"),
    ("apigithub.com", Likeness.INSIDE, "github"),
    ("login.mygithub.com", Likeness.INSIDE, "github"),
    ("getslack.com", Likeness.INSIDE, "slack"),
    ("slackconnect.com", Likeness.INSIDE, "slack"),
    ("stripe-login.com", Likeness.INSIDE, "stripe"),
    ("openaiapi.com", Likeness.INSIDE, "openai"),
    ("okta-login.com", Likeness.INSIDE, "okta"),
    ("box-api.com", Likeness.INSIDE, "box"),
    ("api-zoom.com", Likeness.INSIDE, "zoom"),
    ("linear-algebra.org", Likeness.INSIDE, "linear"),
    # Where anybody may have a name, a known one is somebody's choice
    ("github.workers.dev", Likeness.INSIDE, "github"),
    ("api.github.pages.dev", Likeness.INSIDE, "github"),
    ("github-api.vercel.app", Likeness.INSIDE, "github"),
    ("slack.ngrok-free.app", Likeness.INSIDE, "slack"),
    ("stripe.github.io", Likeness.INSIDE, "stripe"),
    ("g1thub.herokuapp.com", Likeness.DIGITS, "github"),
    ("githbu.netlify.app", Likeness.ONE_LETTER, "github"),
]
"""A host, why it is found, and whose host it resembles."""

LEFT_IN_PEACE = [
    # Known, at or below
    "api.github.com",
    "uploads.github.com",
    "github.com",
    "raw.github.com",
    "API.GitHub.com",
    "api.github.com.",
    "gitlab.com",
    "slack.com",
    "hooks.slack.com",
    "acme.enterprise.slack.com",
    "acme.atlassian.net",
    "api.atlassian.com",
    "storage.googleapis.com",
    "acme.eu.auth0.com",
    "acme.okta.com",
    "us06web.zoom.us",
    "api.x.ai",
    "127.0.0.1",
    "localhost",
    # How people host such services themselves
    "github.example.com",
    "gitlab.example.com",
    "git.example.com",
    "github.internal.example.co.uk",
    "slack.example.org",
    # Resembling nothing
    "example.com",
    "api.example.com",
    "example.co.uk",
    "news.ycombinator.com",
    "bitbucket.org",
    "codeberg.org",
    "getstack.run",
    "api.mailgun.net",
    "hub.docker.com",
    "pypi.org",
    "connect.com",
    "api.com",
    "my-api.com",
    "a.b",
    # Near, and honest
    "githubusercontent.com",
    "githubassets.com",
    "promotion.com",
    "curvilinear.app",
    "pinstripe.com",
    "slackware.com",
    "opening.com",
    "hubspot.com",
    "git.com",
    "hub.com",
    "stack.org",
    "black.io",
    "gitlab.io.evil",
    # Short names resemble everything
    "fox.com",
    "boxy.com",
    "dropbox.com",
    "black-box.com",
    "mybox.com",
    "toolbox.io",
    "room.us",
    "zooom.us",
    "zoom-lens.com",
    "x.com",
    "y.ai",
    "okra.com",
    # In another script, resembling nothing
    "xn--bcher-kva.de",
    "bücher.de",
    "bøxy.com",
    "xn--e1afmkfd.com",
    "xn--mnchen-3ya.de",
    "xn--wgv71a.jp",
    "xn--.com",
    "xn--99999999999.com",
    # Where anybody may have a name
    "acme.workers.dev",
    "acme.github.io",
    "github.io",
    # No name at all
    "",
    ".",
    "..",
    "com",
    "10.0.0.1",
    "::1",
    "a..b",
    "github-" * 40 + "api.com",
]
"""Hosts that nobody is asked about."""


@pytest.mark.parametrize(("host", "kind", "provider"), FOUND)
def test_a_host_that_resembles_a_known_one_is_found(host: str, kind: Likeness, provider: str) -> None:
    found = find_lookalike(host, KNOWN)
    assert found is not None
    assert (found.kind, found.provider) == (kind, provider)
    assert found.host in KNOWN[provider]


@pytest.mark.parametrize("host", LEFT_IN_PEACE)
def test_any_other_host_is_left_in_peace(host: str) -> None:
    assert find_lookalike(host, KNOWN) is None


@pytest.mark.parametrize("provider", KNOWN)
def test_no_known_host_resembles_another_ones(provider: str) -> None:
    assert [find_lookalike(host, KNOWN) for host in KNOWN[provider]] == [None] * len(KNOWN[provider])


def test_github_and_gitlab_are_two_letters_apart() -> None:
    assert find_lookalike("gitlab.com", {"github": ("api.github.com",)}) is None
    assert find_lookalike("github.com", {"gitlab": ("gitlab.com",)}) is None


@pytest.mark.parametrize(
    ("host", "nearest"),
    [
        ("api.githbu.com", "api.github.com"),
        ("uploads.githbu.com", "uploads.github.com"),
        ("githbu.com", "api.github.com"),
        ("files.strpe.com", "files.stripe.com"),
    ],
)
def test_of_the_known_hosts_the_one_that_begins_alike_is_named(host: str, nearest: str) -> None:
    found = find_lookalike(host, KNOWN)
    assert found is not None
    assert found.host == nearest


def test_without_known_hosts_nothing_is_resembled() -> None:
    assert find_lookalike("github.com", {}) is None


FORMATS = {
    "github": re.compile(r"gh[opsu]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82}"),
    "slack": re.compile(r"xox[abp]-[A-Za-z0-9-]{10,}"),
    "stripe": re.compile(r"[rs]k_(?:live|test)_[A-Za-z0-9]{24,}"),
    "aws": re.compile(r"AKIA[A-Z0-9]{16}"),
    "anthropic": re.compile(r"sk-ant-[A-Za-z0-9_-]{20,}"),
    "openai": re.compile(r"sk-[A-Za-z0-9_-]{20,}"),
}
GITHUB, SLACK = "ghp_" + "a1" * 18, "xoxb-" + "1234567890-" * 2
STRIPE, AWS, ANTHROPIC = "sk_live_" + "a1" * 12, "AKIA" + "A1" * 8, "sk-ant-" + "a1" * 20


@pytest.mark.parametrize(
    ("text", "own", "provider"),
    [
        pytest.param(GITHUB, "slack", "github", id="github's, given for slack"),
        pytest.param(SLACK, "github", "slack", id="slack's, given for github"),
        pytest.param(STRIPE, "github", "stripe", id="stripe's, given for github"),
        pytest.param(AWS, "github", "aws", id="an access key id, given for github"),
        pytest.param(GITHUB, None, "github", id="github's, given for a service of one's own"),
        pytest.param(f" {GITHUB}\n", None, "github", id="blanks at the ends"),
        pytest.param(GITHUB, "github", None, id="github's, given for github"),
        pytest.param(ANTHROPIC, "openai", None, id="a form that two share, given for one of them"),
        pytest.param(ANTHROPIC, None, "anthropic", id="a form that two share, given for neither"),
        pytest.param(GITHUB, "unheard of", "github", id="given for a service without a form"),
        pytest.param(GITHUB[:-1], None, None, id="cut short"),
        pytest.param(f"token {GITHUB}", None, None, id="a word before it"),
        pytest.param("correct horse battery staple", None, None, id="a passphrase"),
        pytest.param("", None, None, id="nothing"),
        pytest.param("sk-" + "a" * lookalikes.MAX_SECRET_CHARACTERS, None, None, id="far too long"),
    ],
)
def test_a_secret_of_another_service_is_told_by_its_form(text: str, own: str | None, provider: str | None) -> None:
    assert foreign_format(Secret(text), FORMATS, own=own) == provider


def test_what_is_found_says_its_reason_in_words() -> None:
    assert find_lookalike("g1thub.com", KNOWN) == Lookalike(Likeness.DIGITS, "github", "api.github.com")
    assert Likeness.DIGITS == "digits for letters"
