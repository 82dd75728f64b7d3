"""What the test client's form has: the parameters of a request, and ready-made ones to begin with.

Hints and titles are English here; trial_texts.py has their Swedish.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 4000
ONE_FACTOR, TWO_FACTORS = "urn:vop:acr:one-factor", "urn:vop:acr:two-factors"
STEP_UP = '{"id_token":{"acr":{"essential":true,"values":["urn:vop:acr:two-factors"]}}}'
SIGN_IN_SCOPE = "openid profile email offline_access"
KINDS: Mapping[str, str] = {
    "basic": "Secret in the header (client_secret_basic)",
    "post": "Secret in the form (client_secret_post)",
    "jwt": "Signed assertion (private_key_jwt)",
    "public": "App without a server (none)",
    "fapi2": "FAPI 2.0 (PAR, private_key_jwt, DPoP)",
    "machine": "Machine (client_credentials)",
}
FAULTS: Mapping[str, str] = {
    "": "as it should be",
    "verifier": "wrong verifier",
    "redirect_uri": "wrong redirect_uri",
    "secret": "wrong secret or key",
}


@dataclass(frozen=True)
class Field:
    """A parameter of the authorization request."""

    name: str
    hint: str
    default: str = ""
    choices: tuple[str, ...] = ()
    is_long: bool = False


@dataclass(frozen=True)
class Preset:
    """A request worth trying."""

    title: str
    values: Mapping[str, str] = field(default_factory=dict)


FIELDS = (
    Field(
        "scope",
        "What is asked for. offline_access gives a refresh token.",
        SIGN_IN_SCOPE,
        (SIGN_IN_SCOPE, "openid", "openid profile company:5599000105"),
    ),
    Field("company", "The company's id, as in the portal's tile. Empty: the person chooses."),
    Field(
        "prompt",
        "Whether a page is shown, and which.",
        choices=("none", "login", "consent", "select_account", "create"),
    ),
    Field("max_age", "How many seconds ago the person may have proved who they are."),
    Field(
        "acr_values",
        "A wish for how the person proves who they are.",
        choices=(TWO_FACTORS, ONE_FACTOR),
    ),
    Field(
        "response_mode",
        "How the answer comes back.",
        choices=("query", "form_post", "jwt", "query.jwt", "form_post.jwt"),
    ),
)
REST_FIELDS = (
    Field(
        "claims",
        "Claims by name, as JSON.",
        choices=(STEP_UP, '{"id_token":{"email":null},"userinfo":{"orgno":null}}'),
        is_long=True,
    ),
    Field("login_hint", "An address for the sign-in form."),
    Field("id_token_hint", "An earlier ID token of the person who is meant.", is_long=True),
    Field("ui_locales", "The language of the pages.", choices=("sv", "en")),
    Field("display", "How the page is shown.", choices=("page", "popup")),
    Field("response_type", "Only code is there.", "code", ("code", "token", "id_token")),
    Field("state", "Empty: made up."),
    Field("nonce", "Empty: made up."),
    Field("redirect_uri", "Empty: the test client's own."),
)
SWITCHES = ("pkce", "redeem", "push", "dpop")
_USUAL = {"kind": "basic", "pkce": "on", "redeem": "on", "extra": ""}

PRESETS: Mapping[str, Preset] = {
    "usual": Preset("Usual sign-in"),
    "silent": Preset("Without a page", {"prompt": "none"}),
    "again": Preset("Sign in again", {"prompt": "login"}),
    "second-factor": Preset("Second factor", {"claims": STEP_UP}),
    "form-post": Preset("Answer by POST", {"response_mode": "form_post"}),
    "jarm": Preset("Signed answer", {"response_mode": "jwt"}),
    "bound": Preset("Bound tokens", {"push": "on", "dpop": "on"}),
    "public": Preset("App without a server", {"kind": "public"}),
    "fapi2": Preset("FAPI 2.0", {"kind": "fapi2", "push": "on", "dpop": "on"}),
    "machine": Preset("Machine", {"kind": "machine", "scope": "ledger.read"}),
    "wrong": Preset("Wrong address", {"redirect_uri": "https://evil.example/callback"}),
}


def make_values(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the form as it is at first, with some changes."""
    names = {f.name: f.default for f in (*FIELDS, *REST_FIELDS)}
    return {**names, **dict.fromkeys(SWITCHES, ""), **_USUAL, **changes}


def read_values(form: Mapping[str, str]) -> dict[str, str]:
    """Return what was sent; what isn't of the form is left out, an unticked box is empty."""
    names = [f.name for f in (*FIELDS, *REST_FIELDS)]
    return {
        name: form.get(name, "").strip()[:LONGEST] for name in (*names, *SWITCHES, "kind", "extra")
    }
