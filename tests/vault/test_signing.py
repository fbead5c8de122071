"""Signing, the forgeries, and the vectors of others."""

import base64
import hashlib
import hmac
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest, TooLarge, Unauthorized
from stack_local.vault.signing import MAX_TOKEN_BYTES, PublicKey, Signer, decode_jwt, encode_jwt
from tests.simulators.clock import TestSystem

SYSTEM = TestSystem(seed="signing")
SIGNER, OTHER = Signer.generate(SYSTEM), Signer.generate(SYSTEM)
KEYS = {SIGNER.kid: SIGNER.public}
CLAIMS: dict[str, Any] = {
    "iss": "http://127.0.0.1:7822",
    "aud": "stack:passport",
    "sub": "agt_1",
    "jti": "ppt_1",
    "iat": 1_800_000_000,
    "nbf": 1_800_000_000,
    "exp": 1_800_000_900,
}
HEADER = {"alg": "EdDSA", "kid": SIGNER.kid, "typ": "passport+jwt"}
TOKEN = encode_jwt(SIGNER, CLAIMS).reveal()
HEAD, BODY, SIGNATURE = TOKEN.split(".")
ORDER = 2**252 + 27742317777372353535851937790883648493
VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof_ed25519.json"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


def signed(header: object = HEADER, claims: object = CLAIMS, signer: Signer = SIGNER) -> str:
    """A token over anything, with a right signature; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    message = ".".join(b64(part) for part in parts)
    return f"{message}.{b64(signer.sign(message.encode()))}"


def changed(**claims: object) -> str:
    return signed(claims={**CLAIMS, **claims})


def headed(**members: object) -> str:
    return signed(header={**HEADER, **members})


def without(name: str) -> str:
    return signed(claims={key: value for key, value in CLAIMS.items() if key != name})


def confused(alg: str, secret: bytes, digest: str) -> str:
    message = f"{b64(json.dumps({**HEADER, 'alg': alg}).encode())}.{BODY}"
    return f"{message}.{b64(hmac.digest(secret, message.encode(), digest))}"


def malleable() -> str:
    raw = unb64(SIGNATURE)
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    return f"{HEAD}.{BODY}.{b64(raw[:32] + scalar.to_bytes(32, 'little'))}"


def stray_bits(segment: str) -> str:
    """The same bytes in a second spelling: the unused low bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


ATTACKER_JWK = OTHER.public.jwk()

FORGED: dict[str, str] = {
    "empty": "",
    "one segment": "abc",
    "two segments": f"{HEAD}.{BODY}",
    "two dots alone": "..",
    "four segments": f"{TOKEN}.{SIGNATURE}",
    "five segments, as a JWE": f"{HEAD}.{BODY}.{SIGNATURE}.{BODY}.{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "no claims": f"{HEAD}..{SIGNATURE}",
    "alg none, no signature": f"{b64(json.dumps({**HEADER, 'alg': 'none'}).encode())}.{BODY}.",
    "alg none, signed": headed(alg="none"),
    "alg None": headed(alg=None),
    "alg nOnE": headed(alg="nOnE"),
    "alg eddsa": headed(alg="eddsa"),
    "alg Ed25519": headed(alg="Ed25519"),
    "alg Ed448": headed(alg="Ed448"),
    "alg ES256": headed(alg="ES256"),
    "alg RS256": headed(alg="RS256"),
    "alg a list": headed(alg=["EdDSA"]),
    "HS256 with the public key": confused("HS256", SIGNER.public.raw, "sha256"),
    "HS256 with the JWK": confused("HS256", json.dumps(SIGNER.public.jwk()).encode(), "sha256"),
    "HS512 with nothing": confused("HS512", b"", "sha512"),
    "HS256 signature under an EdDSA header": f"{HEAD}.{BODY}.{b64(hashlib.sha256(SIGNER.public.raw).digest())}",
    "typ JWT": headed(typ="JWT"),
    "typ at+jwt": headed(typ="at+jwt"),
    "typ with application/": headed(typ="application/passport+jwt"),
    "typ in capitals": headed(typ="PASSPORT+JWT"),
    "kid of another key": headed(kid=OTHER.kid),
    "kid of another key, signed by it": signed({**HEADER, "kid": OTHER.kid}, signer=OTHER),
    "kid of ours, signed by another": signed(signer=OTHER),
    "kid a path": headed(kid="../../dev/null"),
    "kid an injection": headed(kid="x' OR '1'='1"),
    "kid empty": headed(kid=""),
    "kid null": headed(kid=None),
    "kid a list": headed(kid=[SIGNER.kid]),
    "kid an object": headed(kid={}),
    "header with jku": headed(jku="https://evil.example/jwks"),
    "header with jwk": signed({**HEADER, "jwk": ATTACKER_JWK}, signer=OTHER),
    "header with x5u": headed(x5u="https://evil.example/"),
    "header with x5c": headed(x5c=["AA"]),
    "header with crit": headed(crit=["exp"]),
    "header with b64 false": headed(b64=False, crit=["b64"]),
    "header with zip": headed(zip="DEF"),
    "header with cty": headed(cty="JWT"),
    "header without kid": signed({"alg": "EdDSA", "typ": "passport+jwt"}),
    "header without typ": signed({"alg": "EdDSA", "kid": SIGNER.kid}),
    "header a list": signed([]),
    "header twice alg": signed(json.dumps(HEADER).replace("{", '{"alg":"none",', 1).encode()),
    "header not json": signed(b"alg=EdDSA"),
    "header not utf-8": signed(b'{"alg":"\xff"}'),
    "claims a list": signed(claims=[1]),
    "claims null": signed(claims=b"null"),
    "claims twice sub": signed(claims=json.dumps(CLAIMS).replace("{", '{"sub":"agt_2",', 1).encode()),
    "claims twice exp, by escape": signed(claims=json.dumps(CLAIMS).replace("{", '{"\\u0065xp":1,', 1).encode()),
    "claims with NaN": signed(claims=json.dumps({**CLAIMS, "exp": float("nan")}).encode()),
    "claims with Infinity": signed(claims=json.dumps({**CLAIMS, "exp": float("inf")}).encode()),
    "claims with a lone surrogate": signed(claims=json.dumps({**CLAIMS, "sub": "\ud800"}).encode()),
    "claims with a byte order mark": signed(claims=b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode()),
    "claims nested deep": signed(claims=b'{"a":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    **{f"no {name}": without(name) for name in CLAIMS},
    "exp a text": changed(exp="1800000900"),
    "exp a float": changed(exp=1800000900.5),
    "exp true": changed(exp=True),
    "exp null": changed(exp=None),
    "exp negative": changed(exp=-1),
    "exp past 2**53": changed(exp=2**53),
    "exp with 300 digits": changed(exp=10**300),
    "nbf a list": changed(nbf=[1]),
    "iat an object": changed(iat={}),
    "sub a number": changed(sub=1),
    "sub empty": changed(sub=""),
    "aud a list": changed(aud=["stack:passport"]),
    "jti null": changed(jti=None),
    "iss a list": changed(iss=["http://127.0.0.1:7822"]),
    "trailing ==": TOKEN + "==",
    "trailing =": TOKEN + "=",
    "padded header": f"{HEAD}==.{BODY}.{SIGNATURE}",
    "trailing newline": TOKEN + "\n",
    "leading blank": " " + TOKEN,
    "a blank inside": f"{HEAD}. {BODY}.{SIGNATURE}",
    "a stray character inside": f"{HEAD}.{BODY}.{SIGNATURE[:10]}!{SIGNATURE[10:]}",
    "signature in a second spelling": f"{HEAD}.{BODY}.{stray_bits(SIGNATURE)}",
    "standard base64": f"{HEAD}.{BODY}.{base64.b64encode(unb64(SIGNATURE)[:-1] + bytes([251])).decode()}",
    "signature one byte short": f"{HEAD}.{BODY}.{b64(unb64(SIGNATURE)[:-1])}",
    "signature one byte long": f"{HEAD}.{BODY}.{b64(unb64(SIGNATURE) + bytes(1))}",
    "signature of zeros": f"{HEAD}.{BODY}.{b64(bytes(64))}",
    "signature with s + order": malleable(),
    "signature over the decoded parts": f"{HEAD}.{BODY}.{b64(SIGNER.sign(unb64(HEAD) + unb64(BODY)))}",
    "claims exchanged": f"{HEAD}.{b64(json.dumps({**CLAIMS, 'sub': 'agt_2'}).encode())}.{SIGNATURE}",
    "case changed": TOKEN.swapcase(),
    "not ascii": TOKEN[:-1] + "ü",
    "full-width dots": TOKEN.replace(".", "．"),
    "a NUL": TOKEN + "\x00",
    "a surrogate": TOKEN + "\udc80",
    "one byte too large": signed(claims={**CLAIMS, "x": "a" * MAX_TOKEN_BYTES}),
    "ten megabytes": "a" * 10_000_000,
    "ten megabytes of dots": "." * 10_000_000,
    "with Bearer": "Bearer " + TOKEN,
    "as JSON serialization": json.dumps({"payload": BODY, "protected": HEAD, "signature": SIGNATURE}),
}


def test_a_token_is_read_as_written() -> None:
    assert decode_jwt(TOKEN, KEYS) == CLAIMS
    assert decode_jwt(signed(), KEYS) == CLAIMS


def test_the_secret_parts_of_a_token_are_not_shown() -> None:
    assert TOKEN not in repr(encode_jwt(SIGNER, CLAIMS))


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_and_nothing_is_said(token: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        decode_jwt(token, KEYS)
    assert (refusal.value.code, refusal.value.message) == ("UNAUTHORIZED", "the token is not accepted")
    assert refusal.value.__cause__ is None


def test_every_single_changed_character_is_refused() -> None:
    for place, character in enumerate(TOKEN):
        other = "A" if character != "A" else "B"
        with pytest.raises(Unauthorized):
            decode_jwt(TOKEN[:place] + other + TOKEN[place + 1 :], KEYS)


def test_every_truncation_is_refused() -> None:
    for length in range(len(TOKEN)):
        with pytest.raises(Unauthorized):
            decode_jwt(TOKEN[:length], KEYS)


def test_no_keys_accept_nothing() -> None:
    with pytest.raises(Unauthorized):
        decode_jwt(TOKEN, {})


def test_a_token_of_another_type_is_refused_both_ways() -> None:
    access = encode_jwt(SIGNER, CLAIMS, typ="at+jwt").reveal()
    assert decode_jwt(access, KEYS, typ="at+jwt") == CLAIMS
    with pytest.raises(Unauthorized):
        decode_jwt(TOKEN, KEYS, typ="at+jwt")


def test_a_token_that_would_be_too_large_is_not_made() -> None:
    with pytest.raises(TooLarge):
        encode_jwt(SIGNER, {**CLAIMS, "x": "a" * MAX_TOKEN_BYTES})


def test_a_signer_comes_back_from_its_bytes() -> None:
    again = Signer.from_bytes(SIGNER.raw_bytes().reveal())
    assert again.kid == SIGNER.kid
    assert again.sign(b"x") == SIGNER.sign(b"x")


def test_a_signer_shows_no_key() -> None:
    assert repr(SIGNER) == "Signer(…)"
    with pytest.raises(TypeError):
        pickle.dumps(SIGNER)
    assert "d" not in SIGNER.public.jwk()


def test_the_kid_is_the_thumbprint_of_rfc_8037() -> None:
    raw = unb64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")  # appendix A.2 and A.3
    assert PublicKey(raw).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def weak_keys() -> dict[str, bytes]:
    prime = 2**255 - 19
    ys = {
        "order 1": 1,
        "order 2": prime - 1,
        "order 4": 0,
        "order 8": int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
        "order 8, other": int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
        "order 4, not canonical": prime,
        "order 1, not canonical": prime + 1,
        "the largest not canonical": 2**255 - 1,
    }
    both = {f"{name}, sign {sign}": y | sign << 255 for name, y in ys.items() for sign in (0, 1)}
    return {name: value.to_bytes(32, "little") for name, value in both.items()}


@pytest.mark.parametrize("raw", weak_keys().values(), ids=weak_keys().keys())
def test_a_weak_or_second_spelling_of_a_public_key_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        PublicKey(raw)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_public_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(InvalidRequest):
        PublicKey(b"\x05" * size)


def test_bytes_that_are_no_point_verify_nothing() -> None:
    with pytest.raises(Unauthorized):
        PublicKey(b"\x02" + bytes(31)).verify(bytes(64), b"")


def accepts(public: PublicKey, vector: dict[str, Any]) -> bool:
    try:
        public.verify(bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))
    except Unauthorized:
        return False
    return True


@pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS} is not here")
def test_the_wycheproof_vectors_agree() -> None:
    groups = json.loads(VECTORS.read_text())["testGroups"]
    verdicts: list[tuple[int, bool, bool]] = []
    for group in groups:
        public = PublicKey(bytes.fromhex(group["publicKey"]["pk"]))
        verdicts += [(v["tcId"], accepts(public, v), v["result"] == "valid") for v in group["tests"]]
    assert len(verdicts) == 151
    assert [case for case in verdicts if case[1] != case[2]] == []
