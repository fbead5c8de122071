"""References: which are taken, what each keeper is asked, and how long what it gave is kept."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest, Locked, NotFound, Unavailable, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.vault import references
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.programs import Programs
from stack_local.vault.references import Keeper, Keepers, Reference, is_reference, parse_reference
from stack_local.vault.vault import Vault
from tests.simulators.clock import TestSystem
from tests.vault.scripts import Lifeline, Scripts, scripts_in

GOOD = [
    ("op://Private/GitHub/token", Keeper.ONE_PASSWORD, ("Private", "GitHub", "token"), None),
    ("op://Private/GitHub/api/token", Keeper.ONE_PASSWORD, ("Private", "GitHub", "api", "token"), None),
    ("op://My Vault/An item/a field", Keeper.ONE_PASSWORD, ("My Vault", "An item", "a field"), None),
    ("op://v/i/add-on.key_1", Keeper.ONE_PASSWORD, ("v", "i", "add-on.key_1"), None),
    ("bw://GitHub/password", Keeper.BITWARDEN, ("GitHub", "password"), None),
    ("bw://9b0e6a1c-0001/notes", Keeper.BITWARDEN, ("9b0e6a1c-0001", "notes"), None),
    ("bw://ada@example.com/username", Keeper.BITWARDEN, ("ada@example.com", "username"), None),
    ("hcv://secret/github#token", Keeper.HASHICORP_VAULT, ("secret", "github"), "token"),
    ("hcv://kv/team/a/github#api_key", Keeper.HASHICORP_VAULT, ("kv", "team", "a", "github"), "api_key"),
    ("pass://github", Keeper.PASS, ("github",), None),
    ("pass://web/github.com/ada@example.com", Keeper.PASS, ("web", "github.com", "ada@example.com"), None),
    ("pass://web/github.com#token", Keeper.PASS, ("web", "github.com"), "token"),
]
"""A reference, its keeper, its path and its field."""

BAD = [
    ("nothing", ""),
    ("a secret", "ghp_0123456789"),
    ("another scheme", "vault://a/b#c"),
    ("a scheme in capitals", "OP://a/b/c"),
    ("a blank before it", " op://a/b/c"),
    ("no path", "op://"),
    ("too few parts for 1Password", "op://vault/item"),
    ("too many parts for 1Password", "op://a/b/c/d/e"),
    ("a field behind a mark for 1Password", "op://a/b/c#d"),
    ("a query", "op://a/b/c?attribute=otp"),
    ("an empty part", "op://a//c"),
    ("a slash at the end", "op://a/b/c/"),
    ("a part of blanks", "op://a/ /c"),
    ("a blank at the end of a part", "op://a/b /c"),
    ("a variable", "op://a/$HOME/c"),
    ("a shell", "op://a/`id`/c"),
    ("a line break", "op://a/b/c\n"),
    ("a NUL", "op://a/b\x00/c"),
    ("another script", "op://a/b/ключ"),
    ("a part too long", "op://a/b/" + "c" * 129),
    ("too long a reference", "pass://" + "/".join(["a" * 100] * 6)),
    ("an item that is an option", "bw://--session=x/password"),
    ("no field of Bitwarden", "bw://item"),
    ("a field that Bitwarden does not give by name", "bw://item/api_key"),
    ("a one-time code", "bw://item/totp"),
    ("a folder of Bitwarden", "bw://folder/item/password"),
    ("no field of Vault", "hcv://secret/github"),
    ("an empty field of Vault", "hcv://secret/github#"),
    ("no path of Vault", "hcv://secret#token"),
    ("two fields", "hcv://secret/github#a#b"),
    ("a field with a path", "hcv://secret/github#a/b"),
    ("a path that is an option", "hcv://-address=evil/x#y"),
    ("a way up", "hcv://secret/../sys#x"),
    ("a way up in pass", "pass://../../etc/passwd"),
    ("the root of pass", "pass:///etc/passwd"),
    ("an option of pass", "pass://--clip"),
    ("an empty field of pass", "pass://a#"),
    ("too deep", "pass://" + "/".join("a" * (references.MAX_PARTS + 1))),
]
"""A name for the row, and what is no reference."""


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return scripts_in(tmp_path)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    line = Lifeline(tmp_path / "lifeline")
    yield line
    line.close()


@pytest.fixture
def system() -> TestSystem:
    return TestSystem(seed="references")


@pytest.fixture
def keys(system: TestSystem) -> Keys:
    return Keys(KeyMaterial.generate(system), KeyMaterial.generate(system))


@pytest.fixture
def vault(system: TestSystem, keys: Keys) -> Vault:
    return Vault(system, keys)


@pytest.fixture
def resolver(scripts: Scripts, vault: Vault, system: TestSystem) -> Keepers:
    return Keepers(Programs(scripts.environment), vault, system)


@pytest.mark.parametrize(("text", "keeper", "path", "field"), GOOD)
def test_a_reference_is_read_and_written_alike(
    text: str, keeper: Keeper, path: tuple[str, ...], field: str | None
) -> None:
    reference = parse_reference(text)
    assert reference == Reference(keeper, path, field)
    assert (reference.text, is_reference(text)) == (text, True)


@pytest.mark.parametrize("text", [text for _, text in BAD], ids=[name for name, _ in BAD])
def test_what_is_no_reference_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_reference(text)
    assert refused.value.details["field"] == "credential"
    assert refused.value.details["rule"]


@pytest.mark.parametrize(
    "text", ["{}", "op://{}", "op://a/{}$/c", "bw://a/{}", "hcv://a/{}", "pass://a#{}#b", "{}://a"]
)
def test_a_secret_that_was_pasted_into_a_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_reference(text.format("ghp_0123456789"))
    assert "ghp_" not in f"{refused.value} {refused.value.details}"


def test_a_secret_is_not_taken_for_a_reference() -> None:
    assert not [text for text in ("", "ghp_0123", "op:/a/b/c", "https://a", "xop://a/b/c") if is_reference(text)]


@pytest.mark.parametrize(
    ("text", "program", "argv"),
    [
        ("op://Private/My item/token", "op", ["read", "--no-newline", "op://Private/My item/token"]),
        ("bw://My item/password", "bw", ["--nointeraction", "get", "password", "My item"]),
        ("hcv://kv/team/github#api_key", "vault", ["kv", "get", "-field=api_key", "kv/team/github"]),
        ("pass://web/github", "pass", ["show", "web/github"]),
    ],
)
async def test_a_keeper_is_asked_by_its_own_command(
    scripts: Scripts, resolver: Keepers, text: str, program: str, argv: list[str]
) -> None:
    scripts.recording(program, printed="s3cret")
    assert await resolver.resolve(parse_reference(text)) == Secret("s3cret")
    assert scripts.argv == argv


@pytest.mark.parametrize(
    ("text", "program", "own"),
    [
        ("op://a/b/c", "op", {"OP_SERVICE_ACCOUNT_TOKEN": "1", "OP_SESSION_my": "2"}),
        ("bw://a/password", "bw", {"BW_SESSION": "3", "BITWARDENCLI_APPDATA_DIR": "/d"}),
        ("hcv://a/b#c", "vault", {"VAULT_ADDR": "4", "VAULT_TOKEN": "5", "VAULT_NAMESPACE": "6"}),
        ("pass://a", "pass", {"PASSWORD_STORE_DIR": "/p", "GNUPGHOME": "/g"}),
    ],
)
async def test_a_keeper_is_not_given_what_is_for_another(
    scripts: Scripts, vault: Vault, system: TestSystem, text: str, program: str, own: dict[str, str]
) -> None:
    scripts.recording(program, printed="s3cret")
    everything = {
        "OP_SERVICE_ACCOUNT_TOKEN": "1",
        "OP_SESSION_my": "2",
        "BW_SESSION": "3",
        "BITWARDENCLI_APPDATA_DIR": "/d",
        "VAULT_ADDR": "4",
        "VAULT_TOKEN": "5",
        "VAULT_NAMESPACE": "6",
        "PASSWORD_STORE_DIR": "/p",
        "GNUPGHOME": "/g",
        "AWS_SECRET_ACCESS_KEY": "7",
    }
    await Keepers(Programs(scripts.environment | everything), vault, system).resolve(parse_reference(text))
    assert scripts.given == scripts.environment | own


ENTRY = "first-line\\nuser: ada\\nToken :  t0ken \\nurl: https://a.example/b\\nempty:\\n"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("pass://e", "first-line"),
        ("pass://e#user", "ada"),
        ("pass://e#token", "t0ken"),
        ("pass://e#URL", "https://a.example/b"),
    ],
)
async def test_an_entry_of_pass_has_a_first_line_and_fields(
    scripts: Scripts, resolver: Keepers, text: str, secret: str
) -> None:
    scripts.write("pass", f"printf '{ENTRY}'")
    assert await resolver.resolve(parse_reference(text)) == Secret(secret)


@pytest.mark.parametrize("text", ["pass://e#nothing", "pass://e#empty", "pass://e#first-line"])
async def test_a_field_that_an_entry_has_not_is_not_found(scripts: Scripts, resolver: Keepers, text: str) -> None:
    scripts.write("pass", f"printf '{ENTRY}'")
    with pytest.raises(NotFound):
        await resolver.resolve(parse_reference(text))


async def test_an_entry_whose_first_line_is_empty_holds_no_secret(scripts: Scripts, resolver: Keepers) -> None:
    scripts.write("pass", "printf '\\nuser: ada\\n'")
    with pytest.raises(NotFound):
        await resolver.resolve(parse_reference("pass://e"))


OP = parse_reference("op://a/b/c")


async def test_a_secret_is_asked_for_once_within_its_minute(
    scripts: Scripts, resolver: Keepers, system: TestSystem
) -> None:
    scripts.recording("op", printed="s3cret")
    for _ in range(3):
        assert await resolver.resolve(OP) == Secret("s3cret")
    system.advance(references.KEPT_SECONDS - 1)
    await resolver.resolve(OP)
    assert scripts.times == 1
    system.advance(1)
    scripts.recording("op", printed="newer")
    assert await resolver.resolve(OP) == Secret("newer")
    assert scripts.times == 2


async def test_using_a_secret_does_not_keep_it_longer(scripts: Scripts, resolver: Keepers, system: TestSystem) -> None:
    scripts.recording("op", printed="s3cret")
    for _ in range(4):
        await resolver.resolve(OP)
        system.advance(references.KEPT_SECONDS / 2)
    assert scripts.times == 2


async def test_each_reference_has_its_own_secret(scripts: Scripts, resolver: Keepers) -> None:
    scripts.write("op", 'printf "secret of $3"')
    one, other = parse_reference("op://a/b/c"), parse_reference("op://a/b/d")
    assert await resolver.resolve(one) == Secret("secret of op://a/b/c")
    assert await resolver.resolve(other) == Secret("secret of op://a/b/d")


async def test_many_calls_at_once_ask_once(scripts: Scripts, resolver: Keepers) -> None:
    scripts.recording("op", printed="s3cret")
    found = await asyncio.gather(*(resolver.resolve(OP) for _ in range(10)))
    assert found == [Secret("s3cret")] * 10
    assert scripts.times == 1


async def test_a_failure_is_not_kept(scripts: Scripts, resolver: Keepers) -> None:
    scripts.write("op", "exit 1")
    with pytest.raises(UpstreamFailed):
        await resolver.resolve(OP)
    scripts.recording("op", printed="s3cret")
    assert await resolver.resolve(OP) == Secret("s3cret")


async def test_a_keeper_that_is_not_installed_is_said_to_be_missing(resolver: Keepers) -> None:
    with pytest.raises(Unavailable):
        await resolver.resolve(parse_reference("hcv://a/no#such"))


async def test_a_lock_forgets_what_was_kept(scripts: Scripts, resolver: Keepers, vault: Vault, keys: Keys) -> None:
    scripts.recording("op", printed="s3cret")
    await resolver.resolve(OP)
    vault.lock()
    vault.unlock(keys)
    await resolver.resolve(OP)
    assert scripts.times == 2


async def test_a_locked_vault_asks_nobody(scripts: Scripts, resolver: Keepers, vault: Vault) -> None:
    scripts.recording("op", printed="s3cret")
    vault.lock()
    with pytest.raises(Locked):
        await resolver.resolve(OP)
    assert scripts.times == 0


@pytest.mark.parametrize("is_unlocked_again", [False, True], ids=["locked", "locked and unlocked"])
async def test_what_arrives_after_a_lock_is_not_given_out(
    scripts: Scripts, resolver: Keepers, vault: Vault, keys: Keys, lifeline: Lifeline, *, is_unlocked_again: bool
) -> None:
    gate = scripts.home / "gate"
    os.mkfifo(gate)
    scripts.write("op", f"printf x > {lifeline.path}\nread line < {gate}\nprintf s3cret")
    call = asyncio.ensure_future(resolver.resolve(OP))
    await lifeline.pulled()
    vault.lock()
    if is_unlocked_again:
        vault.unlock(keys)
    gate.write_text("open\n")
    with pytest.raises(Locked):
        await call


async def test_a_secret_whose_minute_is_over_is_dropped_without_being_asked_for(
    scripts: Scripts, resolver: Keepers, system: TestSystem
) -> None:
    scripts.recording("op", printed="s3cret")
    await resolver.resolve(OP)
    system.advance(references.KEPT_SECONDS)
    resolver.forget_old()
    system.advance(-references.KEPT_SECONDS)
    await resolver.resolve(OP)
    assert scripts.times == 2
