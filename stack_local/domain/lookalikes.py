"""Against phishing at connect: a host that is made to be taken for a known one, and a secret of another service.

What is found is a reason to ask a person, not a refusal: a name one letter off may belong to somebody honest. A known
name below somebody's own domain (`github.example.com`) is how people host such services themselves, and is not found.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HOST_CHARACTERS, is_ip_literal

LEAST_LETTERS = 3
"""Of a known name: shorter ones resemble everything."""

DISTINCT_LETTERS = 6
"""From here on, a name one letter off is found under any ending; with one letter less, under the same ending only."""

TOKEN_LETTERS = 5
"""From here on, a name is found beside any other word; a shorter one beside a hyphen and the words of `BAIT` only."""

MAX_SECRET_CHARACTERS = 16 * 1024
"""Of a secret whose form is looked at."""

BAIT = re.compile(
    r"access|accounts?|admin|apis?|apps?|auth|cloud|connect|console|dashboard|dev|developer|gateway|get|go|id|login|my|oauth"
    r"|online|portal|rest|secure|security|services?|signin|sso|status|support|team|token|verify|web|www"
)
"""What is written beside a known name to look like a part of it."""

SHARED_ENDINGS = re.compile(
    r"azurewebsites\.net|blogspot\.com|cloudfront\.net|deno\.dev|firebaseapp\.com|fly\.dev|git(?:hub|lab)\.io|glitch\.me"
    r"|herokuapp\.com|lhr\.life|loca\.lt|netlify\.app|ngrok\.(?:app|dev|io)|ngrok-free\.(?:app|dev)|onrender\.com"
    r"|pages\.dev|railway\.app|repl\.co|replit\.app|run\.app|surge\.sh|trycloudflare\.com|vercel\.app|web\.app"
    r"|workers\.dev"
)
"""Where anybody may have a name: each counts like a top-level domain."""

_COUNTRY_ENDING = re.compile(r"(?:ac|com?|edu|gov|net?|org?)\.[a-z]{2}")
# co.uk, com.au, or.jp.

_LETTERS = str.maketrans(
    "авгеѕіјкмнопрстухьһԁԛԝѵӏ" + "αβγεηικνορτυχω" + "օսհո" + "ɑɡɢıɩɪłʟɴøđħŧʀʏʋʙƅ",
    "abresijkmhonpctyxbhdqwvl" + "abyenikvoptuxw" + "ouhn" + "aggiiillnodhtryvbb",
)
# Letters that are drawn like a Latin one, above it: our choice from Unicode Technical Standard 39.
_DIGITS = str.maketrans("01345789", "oleastbg")
_DRAWN_ALIKE = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l"))
# In most type faces, among plain letters.


class Likeness(StrEnum):
    """Why a host may be taken for another, the plainest reason first."""

    ENDING = "wrong top-level domain"
    DIGITS = "digits for letters"
    CONFUSABLE = "confusable"
    ONE_LETTER = "one letter off"
    INSIDE = "known name inside another domain"
    PUNYCODE = "punycode"


@dataclass(frozen=True, slots=True)
class Lookalike:
    """What a host may be taken for."""

    kind: Likeness
    provider: str
    host: str
    """The known host, as the catalogue writes it."""


@dataclass(frozen=True, slots=True)
class _Domain:
    """What somebody registered, with what stands before it."""

    before: tuple[str, ...]
    raw_name: str
    """As an A-label, or as typed."""
    name: str
    """Decoded."""
    ending: str

    def is_same(self, other: "_Domain") -> bool:
        """Whether one and the same party has both."""
        return (self.raw_name, self.ending) == (other.raw_name, other.ending)


class _Known(NamedTuple):
    provider: str
    host: str
    domain: _Domain


def find_lookalike(host: str, known: Mapping[str, Collection[str]]) -> Lookalike | None:
    """What a host may be taken for; None where it stands at or below a known domain, or resembles none.

    `host` is as a person typed it, without a port; `known` is each provider's hosts, where `*` may stand for a label.
    """
    typed, hosts = _domain(host), _known(known)
    if typed is None or any(typed.is_same(entry.domain) for entry in hosts):
        return None
    for kind, is_alike in _CHECKS:
        found = [entry for entry in hosts if len(entry.domain.name) >= LEAST_LETTERS and is_alike(typed, entry.domain)]
        if found:
            # Of a provider's hosts, the one that begins like what was typed.
            nearest = next((entry for entry in found if entry.domain.before == typed.before), found[0])
            return Lookalike(kind, nearest.provider, nearest.host)
    return None


def foreign_format(secret: Secret, formats: Mapping[str, re.Pattern[str]], *, own: str | None = None) -> str | None:
    """The first provider whose secrets look like this one; None where those of `own` do, or nobody's.

    Blanks at its ends do not count. Nothing of the secret is kept.
    """
    text = secret.reveal().strip()
    if len(text) > MAX_SECRET_CHARACTERS:
        return None
    fitting = [provider for provider, form in formats.items() if form.fullmatch(text)]
    return None if own in fitting else next(iter(fitting), None)


def _known(known: Mapping[str, Collection[str]]) -> list[_Known]:
    pairs = ((provider, host, _domain(host)) for provider, hosts in known.items() for host in hosts)
    return [_Known(provider, host, domain) for provider, host, domain in pairs if domain is not None]


def _domain(host: str) -> _Domain | None:
    """The parts of a host; None for an address, and for what is no name with an ending."""
    plain = host.strip().lower().removesuffix(".")
    labels = plain.split(".")
    at = -2 if _ends_in_two(labels) else -1
    if is_ip_literal(plain) or len(plain) > HOST_CHARACTERS or not all(labels) or len(labels) <= -at:
        return None
    *before, raw_name = labels[:at]
    return _Domain(tuple(before), raw_name, _decoded(raw_name), ".".join(labels[at:]))


def _ends_in_two(labels: list[str]) -> bool:
    ending = ".".join(labels[-2:])
    return _COUNTRY_ENDING.fullmatch(ending) is not None or SHARED_ENDINGS.fullmatch(ending) is not None


def _decoded(label: str) -> str:
    """The letters that an A-label stands for; the label itself where it stands for none (RFC 3492)."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _skeleton(name: str) -> str:
    """What is left of a name when all that is drawn alike is the same (UTS 39, section 4)."""
    base = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    text = base.lower().translate(_LETTERS).translate(_DIGITS)
    for drawn, like in _DRAWN_ALIKE:
        text = text.replace(drawn, like)
    return text


def _has_other_ending(typed: _Domain, known: _Domain) -> bool:
    return typed.name == known.name and typed.ending != known.ending and not _is_shared(typed)


def _has_digits(typed: _Domain, known: _Domain) -> bool:
    if not any(map(str.isdigit, typed.name)) or typed.name == known.name:
        return False
    return len({name.translate(_DIGITS).replace("i", "l") for name in (typed.name, known.name)}) == 1


def _is_confusable(typed: _Domain, known: _Domain) -> bool:
    return typed.name != known.name and _skeleton(typed.name) == _skeleton(known.name)


def _is_one_letter_off(typed: _Domain, known: _Domain) -> bool:
    least = DISTINCT_LETTERS - 1 if typed.ending == known.ending else DISTINCT_LETTERS
    return typed.name.isascii() and len(known.name) >= least and _is_one_edit(typed.name, known.name)


def _is_one_edit(one: str, other: str) -> bool:
    """Whether a letter added, left out, changed, or changed with its neighbor makes one of the other (Damerau)."""
    short, long = sorted((one, other), key=len)
    at = next((at for at, (left, right) in enumerate(zip(short, long, strict=False)) if left != right), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    is_swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return short != long and (short[at + 1 :] == long[at + 1 :] or is_swapped)


def _holds_known(typed: _Domain, known: _Domain) -> bool:
    return typed.name.isascii() and (_holds_domain(typed, known) or _holds_name(typed, known))


def _holds_domain(typed: _Domain, known: _Domain) -> bool:
    """Whether the known domain is written into another one: api.github.com.evil.io, github-com.evil.io."""
    written = "-".join((*typed.before, typed.raw_name))
    return f"-{known.raw_name}-{known.ending.replace('.', '-')}-" in f"-{written}-"


def _holds_name(typed: _Domain, known: _Domain) -> bool:
    """Whether the registered name is the known one with more words: github-api, apigithub."""
    if _is_shared(typed) and typed.name == known.name:
        return True
    others = [word for word in typed.name.split("-") if _skeleton(word) != _skeleton(known.name)]
    if others and len(others) < len(typed.name.split("-")):
        return len(known.name) >= TOKEN_LETTERS or all(map(BAIT.fullmatch, others))
    before, name, after = typed.name.partition(known.name)
    return len(name) >= TOKEN_LETTERS and any(map(BAIT.fullmatch, (before, after)))


def _is_shared(typed: _Domain) -> bool:
    return SHARED_ENDINGS.fullmatch(typed.ending) is not None


def _is_punycode(typed: _Domain, known: _Domain) -> bool:
    """Whether a name in another script, read as Latin, is near the known one."""
    if typed.name.isascii():
        return False
    read = _Domain(typed.before, typed.raw_name, _skeleton(typed.name), typed.ending)
    is_near = len(known.name) >= TOKEN_LETTERS and _is_one_edit(read.name, _skeleton(known.name))
    return is_near or _holds_name(read, known)


_CHECKS: tuple[tuple[Likeness, Callable[[_Domain, _Domain], bool]], ...] = (
    (Likeness.ENDING, _has_other_ending),
    (Likeness.DIGITS, _has_digits),
    (Likeness.CONFUSABLE, _is_confusable),
    (Likeness.ONE_LETTER, _is_one_letter_off),
    (Likeness.INSIDE, _holds_known),
    (Likeness.PUNYCODE, _is_punycode),
)
