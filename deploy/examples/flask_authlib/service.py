"""A service whose people come from the platform: Flask with Authlib.

docs/integrate.md explains it.
"""

import os
import secrets
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, redirect, render_template_string, request, session
from werkzeug.wrappers import Response

ISSUER, URL = os.environ["ISSUER"], os.environ["URL"]
CLIENT_ID, CLIENT_SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
FRESH_SECONDS = int(os.environ.get("FRESH_SECONDS", "600"))  # how old may roles be here?
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(32)
app.config.update(
    SESSION_COOKIE_NAME="my_service",
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=URL.startswith("https://"),
)
platform = OAuth(app).register(
    "platform",
    client_id=CLIENT_ID,
    client_secret=CLIENT_SECRET,
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email offline_access",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic",
    },
)
keys = jwt.PyJWKClient(f"{ISSUER}/jwks")

# Who is signed in here: the browser holds a random name, never a token. Yours is a table.
sign_ins: dict[str, dict[str, Any]] = {}


@app.get("/")
def home() -> Response | str:
    if "iss" in request.args:  # the portal's tile: ?iss=…&company=…
        return redirect(f"/sign-in?{request.query_string.decode()}")
    row = get_sign_in()
    if row is None:
        return render_template_string('Not signed in. <a href="/sign-in">Sign in</a>')
    return render_template_string(PAGE, **row)


@app.get("/sign-in")
def sign_in() -> Response:
    if request.args.get("iss", ISSUER) != ISSUER:
        abort(400)
    extra = {name: request.args[name] for name in ("company",) if name in request.args}
    answer: Response = platform.authorize_redirect(f"{URL}/callback", **extra)
    return answer


@app.get("/callback")
def callback() -> Response | tuple[str, int]:
    if request.args.get("iss") != ISSUER:  # RFC 9207: another provider's answer
        abort(400)
    if "error" in request.args:
        return render_template_string("Not signed in: {{ request.args.error }}"), 403
    token = platform.authorize_access_token()  # checks state, nonce, PKCE and the ID token
    sign_ins.pop(session.get("name", ""), None)
    session["name"] = secrets.token_urlsafe(32)
    keep(session["name"], token, token["userinfo"])
    return redirect("/")


def keep(name: str, token: dict[str, Any], claims: dict[str, Any]) -> None:
    """Keep company and roles with the sign-in, never with the person."""
    sign_ins[name] = {"token": dict(token), "claims": dict(claims), "at": time.time()}


def get_sign_in() -> dict[str, Any] | None:
    """Return who is signed in, with roles that are at most FRESH_SECONDS old."""
    name = session.get("name", "")
    row = sign_ins.get(name)
    if row is None or row["at"] > time.time() - FRESH_SECONDS:
        return row
    try:
        token = platform.fetch_access_token(
            grant_type="refresh_token", refresh_token=row["token"]["refresh_token"]
        )
    except AuthlibBaseError as error:
        if error.error != "invalid_grant":
            raise
        sign_ins.pop(name, None)  # the access has ended, and so does the session here
        return None
    keep(name, token, platform.parse_id_token(token, nonce=None))
    return sign_ins[name]


@app.post("/sign-out")
def sign_out() -> Response:
    """End the session here, then at the platform, which leads back."""
    row = sign_ins.pop(session.pop("name", ""), None)
    if row is None:
        return redirect("/")
    query = {
        "id_token_hint": row["token"]["id_token"],
        "post_logout_redirect_uri": f"{URL}/signed-out",
    }
    return redirect(f"{platform.load_server_metadata()['end_session_endpoint']}?{urlencode(query)}")


@app.get("/signed-out")
def signed_out() -> str:
    return "Signed out."


@app.post("/backchannel-logout")
def backchannel_logout() -> tuple[str, int]:
    """End the sessions of a `sid`: the platform tells it by itself, without a browser."""
    try:
        sid = read_logout_token(request.form.get("logout_token", ""))
    except (jwt.PyJWTError, ValueError) as error:
        app.logger.warning("No logout token: %s", error)
        return "", 400
    for name, row in list(sign_ins.items()):
        if row["claims"]["sid"] == sid:
            del sign_ins[name]
    return "", 200


def read_logout_token(token: str) -> str:
    """Return the `sid` whose sessions end; raises for anything that isn't sound."""
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS256", "ES256", "EdDSA"],
        issuer=ISSUER,
        audience=CLIENT_ID,
        options={"require": ["iss", "aud", "iat", "exp", "jti", "sid"]},
    )
    if LOGOUT_EVENT not in claims.get("events", {}) or "nonce" in claims:
        raise ValueError("This is an ID token, or something else.")
    return str(claims["sid"])


PAGE = """
<p>{{ claims.sub }} in {{ claims.company.name }} as {{ claims.roles|join(", ") }}</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>
"""

if __name__ == "__main__":
    app.run("127.0.0.1", urlsplit(URL).port or 8080)
