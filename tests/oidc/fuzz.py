"""What the fuzz test sends: requests that were right, until the dice fell.

Everything comes of one `random.Random`, so that a seed names a run.
"""

import base64
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

from tests.oidc.relying_party import FORM

Pairs = list[tuple[str, str]]
Dice = random.Random
QUOTINGS: list[Callable[[str], str]] = [
    quote_plus,
    quote,
    lambda text: quote(text, encoding="utf-16"),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
    lambda text: quote(text, safe="/:?=;+%&\0\r\n"),
]
ODD = [
    "", " ", "\0", "a\0b", "å雪🙂", "\r\nX: y", "%00", "%ff%fe", "../../", "<script>", "'\"--",
    "x" * 9000, "-1", "1e999", "null", "[]", "{}", "true", "http://evil.example/", "a b", "\x7f",
    "https://localhost:8002@evil.example/", "//evil.example", "http://localhost:8002/callback/..",
    "http://localhost:8002/callback#x", "eyJhbGciOiJub25lIn0.e30.", "2147483648", "none login",
    "openid\nemail", "company:5560160680 company:1", "\ud800", "\u202e", "0", "９", "٣",
    "urn:ietf:params:oauth:request_uri:x", '{"id_token":{"acr":{"essential":1}}}', "[" * 3000,
    '{"userinfo":' * 500, "{" * 2000, "NaN", "1" * 400,
]  # fmt: skip
NAMES = [
    "client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope",
    "state", "nonce", "prompt", "max_age", "code_challenge", "code_challenge_method",
    "id_token_hint", "company", "grant_type", "code", "code_verifier", "refresh_token", "token",
    "token_type_hint", "access_token", "client_assertion", "client_assertion_type",
    "post_logout_redirect_uri", "vop_after", "ui_locales", "acr_values", "claims", "request",
    "request_uri", "dpop_jkt", "login_hint", "pending", "display", "q", "registration", "iss",
]  # fmt: skip
JSON_ODD: list[Any] = [
    None, True, 0, -1, 1e308, float("nan"), "", "\0", "å", "x" * 9000, [], {}, [[]], {"a": {}},
    ["https://evil.example"], "https://evil.example", 2**70, "none", "HS256", "\ud800",
]  # fmt: skip
ODD_TEXTS = ["\ud800", "a\0b", "", "x" * 9000]  # what a database or an encoding may choke on
JWT_NAMES = [
    "alg", "typ", "kid", "jwk", "crit", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "htm",
    "htu", "ath", "client_id", "redirect_uri", "request", "scope", "claims", "max_age", "b64",
]  # fmt: skip
TYPES = [FORM, FORM, FORM, FORM, "application/json", f"{FORM}; charset=utf-7", "", "x/y",
         f"{FORM}; charset=x-none", "multipart/form-data; boundary=x", "multipart/form-data",
         f"{FORM}; charset=utf-16", "text/plain"]  # fmt: skip
METHODS = ["GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"]


def change_text(dice: Dice, text: str) -> str:
    """Cut, double, flip or stuff one value."""
    at = dice.randrange(len(text) + 1)
    match dice.randrange(6):
        case 0:
            return text[:at]
        case 1:
            return text + text[:at]
        case 2:
            return text[:at] + dice.choice(ODD)[:200] + text[at:]
        case 3:
            return text.swapcase()
        case 4:
            return text[:at] + chr(dice.choice([0, 9, 10, 13, 31, 127, 128, 255, 0x2028])) + text
        case _:
            return dice.choice(ODD)


def change_jwt(dice: Dice, token: str) -> str:
    """Change what a JWT says without signing it anew, or its form."""
    parts = token.split(".")
    if len(parts) != 3 or dice.random() < 0.2:
        return change_text(dice, token)
    place = dice.randrange(3)
    if place == 2:
        return ".".join([*parts[:2], change_text(dice, parts[2])])
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[place] + "=="))
        name = dice.choice([*said, *JWT_NAMES])
    except (ValueError, TypeError):  # changed before
        return change_text(dice, token)
    if not isinstance(said, dict):
        return change_text(dice, token)
    if dice.random() < 0.2:
        said[dice.choice(JWT_NAMES)] = dice.choice(ODD_TEXTS)
    elif dice.random() < 0.3:
        said.pop(name, None)
    else:
        said[name] = dice.choice(JSON_ODD)
    made = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    parts[place] = made
    return ".".join(parts)


def mutate(dice: Dice, base: dict[str, str]) -> Pairs:
    """Drop, add, repeat and change parameters."""
    pairs = list(base.items())
    for _change in range(dice.randint(1, 3)):
        name = dice.choice([*base, *base, *NAMES])
        value = dict(pairs).get(name, "")
        match dice.randrange(5):
            case 0:
                pairs = [pair for pair in pairs if pair[0] != name]
            case 1:
                name = dice.choice([name, name, dice.choice(ODD)])
                pairs.insert(dice.randrange(len(pairs) + 1), (name, dice.choice(ODD)))
            case 2:
                pairs.append((name, value))
            case _:
                change = change_jwt if value.count(".") == 2 else change_text
                pairs = [pair for pair in pairs if pair[0] != name]
                pairs.append((name, change(dice, value)))
    return pairs


def write(dice: Dice, pairs: Pairs) -> str:
    """Write a query or body, sometimes in an odd encoding."""
    quoting = dice.choice(QUOTINGS) if dice.random() < 0.3 else quote_plus
    try:
        return "&".join(f"{quoting(name)}={quoting(value)}" for name, value in pairs)
    except UnicodeEncodeError:  # half a surrogate pair, which only some encodings can write
        return "&".join(
            "=".join(quote_plus(text.encode("utf-8", "surrogatepass")) for text in pair)
            for pair in pairs
        )


def as_cookie(dice: Dice) -> str:
    """A value of a cookie; a quoted one may spell any byte."""
    if dice.random() < 0.5:
        return f'"\\{dice.randrange(256):03o}{"a" * 31}"'
    return as_header(dice.choice(ODD)).replace(";", "")


def as_header(text: str) -> str:
    """What a server makes of bytes in a header; NUL and line breaks never get that far."""
    clean = text.encode("utf-8", "replace").decode("latin-1")
    return clean.translate({0: None, 10: None, 13: None})
