"""The demo's services: small, and their users come from the platform.

They know nothing of the platform's code: an OpenID Connect client library (Authlib), discovery,
and the claims that docs/oidc.md promises. README.md beside this file says how to run them.
"""

import json
import os
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from wsgiref.types import WSGIApplication
from zoneinfo import ZoneInfo

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from erp import Books, ErpSettings, make_erp
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests import RequestException
from security_headers import forbid_foreign_content
from trial import make_trial
from trial_protocol import TrialClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple
from werkzeug.wrappers import Response as AnyResponse

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SCOPE = "openid profile email offline_access"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
SIGN_INS_KEPT = 1000
METHODS = {"pwd": "lösenord", "otp": "engångskod", "hwk": "säkerhetsnyckel", "mfa": "två faktorer"}
ROLES = {"user": "Användare", "admin": "Administratör", "auditor": "Revisor"}


class SignIns:
    """Who is signed in here. The browser has only a random name for it, never a token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Any]] = {}

    def add(self, row: dict[str, Any]) -> str:
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._rows[name] = row
            while len(self._rows) > SIGN_INS_KEPT:
                self._rows.pop(next(iter(self._rows)))
        return name

    def get(self, name: str | None) -> dict[str, Any] | None:
        return self._rows.get(name or "")

    def end(self, sid: str) -> None:
        """Forget whoever is signed in by a session of the platform."""
        with self._lock:
            for name in [n for n, row in self._rows.items() if row["claims"].get("sid") == sid]:
                del self._rows[name]

    def remove(self, name: str | None) -> dict[str, Any] | None:
        with self._lock:
            return self._rows.pop(name or "", None)


class Seen:
    """The logout tokens that were used, as long as they hold: each works once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def add(self, jti: str, end: float) -> bool:
        """Note a token; tell whether it is new."""
        with self._lock:
            self._ends = {old: until for old, until in self._ends.items() if until > time.time()}
            is_new = jti not in self._ends
            self._ends[jti] = end + 60
            return is_new


@dataclass(frozen=True)
class Settings:
    """One service: where it is, and as whom it stands before the platform."""

    url: str
    issuer: str
    client_id: str
    client_secret: str | dict[str, Any] | None
    auth_method: str
    name: str = "Bokföring"
    slug: str = ""

    @property
    def issuer_origin(self) -> str:
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"


def read_settings(url: str) -> tuple[list[Settings], list[TrialClient]]:
    """Read one service from the environment, else the demo's own list and its test clients."""
    if "DEMO_CLIENT_ID" in os.environ:
        one = Settings(
            url=url,
            issuer=os.environ["DEMO_ISSUER"],
            client_id=os.environ["DEMO_CLIENT_ID"],
            client_secret=os.environ["DEMO_CLIENT_SECRET"],
            auth_method=os.environ.get("DEMO_AUTH_METHOD", "client_secret_basic"),
        )
        return [one], []
    listed = read_folder() / "demo.json"
    if not listed.is_file():
        sys.exit(f"Neither DEMO_CLIENT_ID nor {listed}; see deploy/demo_service/README.md")
    demo = json.loads(listed.read_text(encoding="utf-8"))
    services = [
        Settings(
            url=f"{url}/{client['service']}",
            issuer=demo["issuer"],
            client_id=client["client_id"],
            client_secret=client["client_secret"] or client.get("private_jwk"),
            auth_method=client["auth_method"],
            name=client["service_name"],
            slug=client["service"],
        )
        for client in demo["clients"]
    ]
    names = TrialClient.__dataclass_fields__
    return services, [
        TrialClient(**{name: client[name] for name in names if name in client})
        for client in demo.get("test_clients", ())
    ]


service = Blueprint("service", __name__)


def make_app(settings: Settings) -> Flask:
    """Make one service, signed in to with its own client."""
    app = Flask(__name__)
    app.secret_key = secrets.token_urlsafe(32)
    app.config.update(
        # Cookies of one host are shared by its ports: the name keeps them apart from others'.
        SESSION_COOKIE_NAME=f"demo_{settings.slug}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.url.startswith("https://"),
    )
    app.extensions["settings"] = settings
    app.extensions["sign_ins"] = SignIns()
    app.extensions["seen"] = Seen()
    app.extensions["platform"] = OAuth(app).register(
        "platform",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": SCOPE,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": settings.auth_method,
        },
        client_auth_methods=list_auth_methods(settings),
    )
    app.context_processor(lambda: {"service_name": settings.name})
    app.register_blueprint(service)
    return app


def list_auth_methods(settings: Settings) -> list[PrivateKeyJWT]:
    """Return what the client library must learn to prove this client's identity."""
    if settings.auth_method != "private_key_jwt":
        return []
    return [PrivateKeyJWT(f"{settings.issuer}/token", alg="ES256")]


def own() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def sign_ins() -> SignIns:
    return cast("SignIns", current_app.extensions["sign_ins"])


def platform() -> Any:
    return current_app.extensions["platform"]


@service.get("/")
def home() -> str | AnyResponse:
    """Show who is signed in; a tile of the portal comes here with `iss` and `company`."""
    if "iss" in request.args:
        return start()
    row = sign_ins().get(session.get("sign_in"))
    return show(row) if row else render_template("start.html")


@service.get("/start")
def start() -> AnyResponse:
    """Start the sign-in, for the company that the portal's tile named."""
    if request.args.get("iss", own().issuer) != own().issuer:
        abort(400, "Okänd inloggning.")
    extra = {name: request.args[name] for name in ("company", "prompt") if name in request.args}
    answer: AnyResponse = platform().authorize_redirect(f"{own().url}/callback", **extra)
    return answer


@service.get("/callback")
def callback() -> AnyResponse | tuple[str, int]:
    """Take the platform's answer: state, nonce, PKCE and signature are the library's work."""
    if request.args.get("iss") != own().issuer:  # RFC 9207: another provider's answer
        abort(400, "Svaret kom inte från plattformen.")
    if "error" in request.args:
        return render_template("refused.html", error=request.args["error"]), 403
    token = platform().authorize_access_token()
    sign_ins().remove(session.get("sign_in"))
    session.clear()
    session["sign_in"] = sign_ins().add(make_row(token, token["userinfo"]))
    return redirect(url_for(".home"))


@service.post("/refresh")
def refresh() -> AnyResponse | tuple[str, int]:
    """Ask anew: the platform decides each time whether the access still holds."""
    row = sign_ins().get(session.get("sign_in"))
    if row is None:
        return redirect(url_for(".home"))
    metadata = platform().load_server_metadata()
    with OAuth2Session(
        own().client_id,
        own().client_secret,
        token_endpoint_auth_method=own().auth_method,
    ) as client:
        for method in list_auth_methods(own()):
            client.register_client_auth_method(method)
        try:
            token = client.refresh_token(
                metadata["token_endpoint"], refresh_token=row["token"]["refresh_token"]
            )
        except AuthlibBaseError as error:
            sign_ins().remove(session.get("sign_in"))
            session.clear()
            return render_template("refused.html", error=error.error), 403
    claims = platform().parse_id_token(token, nonce=None)
    if claims["sub"] != row["claims"]["sub"]:  # Core 12.2
        abort(400, "Svaret gällde en annan person.")
    row.update(make_row(token, claims))
    return redirect(url_for(".home"))


@service.post("/sign-out")
def sign_out() -> AnyResponse:
    """Sign out here and at the platform, which leads back."""
    row = sign_ins().remove(session.get("sign_in"))
    session.clear()
    if row is None:
        return redirect(url_for(".home"))
    state = session["sign_out"] = secrets.token_urlsafe(16)
    query = {
        "id_token_hint": row["token"]["id_token"],
        "post_logout_redirect_uri": f"{own().url}/signed-out",
        "state": state,
    }
    address = platform().load_server_metadata()["end_session_endpoint"]
    return redirect(f"{address}?{urlencode(query)}")


@service.get("/signed-out")
def signed_out() -> str:
    """Say goodbye; the state tells whether it was us who asked."""
    is_ours = session.pop("sign_out", None) == request.args.get("state", "")
    return render_template("signed_out.html", is_ours=is_ours)


@service.post("/backchannel-logout")
def backchannel_logout() -> tuple[str, int]:
    """Sign out whom the platform says: it comes by itself, without a browser."""
    try:
        claims = read_logout_token(request.form.get("logout_token", ""))
    except (JoseError, ValueError) as error:
        current_app.logger.warning("Not a logout token: %s", error)
        return "invalid_request", 400
    sign_ins().end(claims["sid"])
    return "", 200


def read_logout_token(text: str) -> dict[str, Any]:
    """Check a logout token (Back-Channel Logout 1.0, 2.6): signature, issuer, audience, event."""
    algs = platform().load_server_metadata()["id_token_signing_alg_values_supported"]
    registry = JWSRegistry(algorithms=algs, strict_check_header=False)
    try:
        token = jwt.decode(
            text, KeySet.import_key_set(platform().fetch_jwk_set()), registry=registry
        )
    except InvalidKeyIdError:  # the platform has a new key
        keys = KeySet.import_key_set(platform().fetch_jwk_set(force=True))
        token = jwt.decode(text, keys, registry=registry)
    jwt.JWTClaimsRegistry(
        leeway=60,
        iss={"essential": True, "value": own().issuer},
        aud={"essential": True, "value": own().client_id},
        iat={"essential": True},
        exp={"essential": True},
    ).validate(token.claims)
    claims = token.claims
    if token.header.get("typ") != "logout+jwt" or "nonce" in claims:
        raise ValueError("of another kind")
    if LOGOUT_EVENT not in claims.get("events", {}) or not isinstance(claims.get("sid"), str):
        raise ValueError("without the event or the session")
    if not cast("Seen", current_app.extensions["seen"]).add(str(claims["jti"]), claims["exp"]):
        raise ValueError("used before")
    return claims


@service.get("/frontchannel-logout")
def frontchannel_logout() -> Response:
    """Sign out whom the platform's sign-out page names; only that page may show this one."""
    if request.args.get("iss") != own().issuer:
        abort(400, "Okänd inloggning.")
    sign_ins().end(request.args.get("sid", ""))
    return Response("")


@service.get("/-/live")
def live() -> str:
    return "ok"


@service.app_errorhandler(400)
@service.app_errorhandler(404)
def broken(error: Any) -> tuple[str, int]:
    return render_template("broken.html", text=error.description), error.code


@service.app_errorhandler(AuthlibBaseError)
def not_signed_in(error: AuthlibBaseError) -> tuple[str, int]:
    current_app.logger.warning("Sign-in failed: %s", error.error)
    return render_template("broken.html", text="Inloggningen gick inte att kontrollera."), 400


@service.app_errorhandler(RequestException)
def platform_away(error: RequestException) -> tuple[str, int]:
    current_app.logger.warning("The platform does not answer: %s", type(error).__name__)
    return render_template("broken.html", text="Inloggningen svarar inte just nu."), 503


@service.after_app_request
def protect(response: Response) -> Response:
    """Let forms lead to the platform too: signing out goes through its address."""
    is_frame = request.endpoint == "service.frontchannel_logout"
    frame = own().issuer_origin if is_frame else "'none'"
    return forbid_foreign_content(response, own().issuer_origin, frame)


def make_row(token: dict[str, Any], claims: Any) -> dict[str, Any]:
    return {"token": dict(token), "claims": dict(claims), "at": time.time()}


def show(row: dict[str, Any]) -> str:
    claims, token = row["claims"], row["token"]
    person = platform().userinfo(token=token) if row["at"] > time.time() - 300 else {}
    facts = [
        ("Inloggad", clock(claims["auth_time"])),
        ("Så här", ", ".join(METHODS.get(name, name) for name in claims.get("amr", ()))),
        ("Nivå", claims.get("acr", "")),
        ("ID-token utfärdad", clock(claims["iat"])),
        ("Åtkomst till", clock(token.get("expires_at", row["at"] + token["expires_in"]))),
        ("Kan förnyas", "ja" if "refresh_token" in token else "nej"),
        ("Omfattning", token.get("scope", "")),
        ("Session (sid)", claims.get("sid", "")),
        ("Utfärdare", claims["iss"]),
    ]
    return render_template(
        "home.html",
        name=person.get("name", claims["sub"]),
        email=person.get("email", ""),
        sub=claims["sub"],
        company=claims["company"],
        org_number=format_org_number(claims["company"]),
        roles=[ROLES.get(role, role) for role in claims["roles"]],
        via=describe_ground(claims["via"]),
        facts=[(label, value) for label, value in facts if value],
        can_refresh="refresh_token" in token,
        portal=own().issuer_origin,
    )


def clock(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).astimezone(STOCKHOLM).strftime("%Y-%m-%d %H:%M:%S")


def format_org_number(company: dict[str, str]) -> str:
    number = company["org_number"]
    return f"{number[:6]}-{number[6:]}" if company["country"] == "SE" else number


def describe_ground(via: str) -> str:
    kind = via.partition(":")[0]
    texts = {"membership": "medlem i företaget", "mandate": "fullmakt", "support": "support"}
    return texts.get(kind, via)


def main() -> None:
    port = os.environ.get("DEMO_SERVICE_PORT", "8002")
    url = os.environ.get("DEMO_SERVICE_URL", f"http://localhost:{port}").rstrip("/")
    services, trial_clients = read_settings(url)
    apps: dict[str, WSGIApplication] = {
        f"/{settings.slug}" if settings.slug else "": make_app(settings) for settings in services
    }
    if trial_clients:
        apps["/test"] = make_trial(f"{url}/test", services[0].issuer, trial_clients)
    if (accounts := read_erp()) is not None:
        apps["/erp"] = make_erp(accounts, Books(read_folder() / "erp.sqlite3"))
    front = apps.pop("", None) or make_front(
        services, has_trial=bool(trial_clients), has_erp=accounts is not None
    )
    run_simple("127.0.0.1", int(port), DispatcherMiddleware(front, apps), threaded=True)


def read_folder() -> Path:
    """Return where the demo keeps its files."""
    return Path(os.environ.get("VOP_VAR", "var"))


def read_erp() -> ErpSettings | None:
    """Return what the demo's accounts were given, if they were connected."""
    listed = read_folder() / "demo.json"
    if "DEMO_CLIENT_ID" in os.environ or not listed.is_file():
        return None
    erp = json.loads(listed.read_text(encoding="utf-8")).get("erp")
    return ErpSettings(erp["api"], erp["api_key"], erp["signing_secret"]) if erp else None


def make_front(services: list[Settings], *, has_trial: bool, has_erp: bool) -> Flask:
    """Make the page that leads to each service."""
    app = Flask(__name__)

    @app.get("/")
    def front() -> str:
        return render_template(
            "front.html",
            services=services,
            has_trial=has_trial,
            has_erp=has_erp,
            service_name="Tjänster",
        )

    @app.get("/-/live")
    def live() -> str:
        return "ok"

    app.after_request(forbid_foreign_content)
    return app


if __name__ == "__main__":
    main()
