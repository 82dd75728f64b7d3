"""The demo's test client: send any request to the platform and see everything that comes of it.

A program of its own beside the demo's services (app.py mounts it at /test/): it knows the platform
only through discovery, as any integrator does, and it has its own registrations (demo.json,
`test_clients`). docs/integrate.md says what its parts mean.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask import Response as FlaskResponse
from joserfc.jwk import ECKey
from requests import RequestException
from security_headers import forbid_foreign_content
from trial_form import FAULTS, FIELDS, KINDS, PRESETS, REST_FIELDS, make_values, read_values
from trial_protocol import (
    Check,
    Exchange,
    Pairs,
    Platform,
    TrialClient,
    ask,
    check_id_token,
    check_logout_token,
    check_signed_answer,
    fetch_userinfo,
    make_challenge,
    take_apart,
)
from trial_texts import LANGUAGES, translate
from werkzeug.wrappers import Response

RUNS_KEPT, EXCHANGES_KEPT, NOTICES_KEPT = 200, 40, 200


@dataclass
class Run:
    """What one browser has tried so far."""

    values: dict[str, str]
    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=EXCHANGES_KEPT))
    sids: set[str] = field(default_factory=set)
    asked: dict[str, str] = field(default_factory=dict)  # the authorization request under way
    verifier: str = ""
    code: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)
    dpop_key: ECKey | None = None


class Desk:
    """The runs of all browsers, and the notices that came without one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self.notices: deque[tuple[str, Exchange]] = deque(maxlen=NOTICES_KEPT)

    def get(self, name: str) -> Run | None:
        return self._runs.get(name)

    def open(self) -> tuple[str, Run]:
        """Begin a run under a name that nobody can guess."""
        name, run = secrets.token_urlsafe(24), Run(make_values({}))
        with self._lock:
            self._runs[name] = run
            while len(self._runs) > RUNS_KEPT:
                self._runs.pop(next(iter(self._runs)))
        return name, run

    def close(self, name: str) -> None:
        with self._lock:
            self._runs.pop(name, None)


trial = Blueprint("trial", __name__)


def make_trial(url: str, issuer: str, clients: list[TrialClient]) -> Flask:
    """Make the test client, at home at `url`."""
    app = Flask(__name__)
    app.secret_key = secrets.token_urlsafe(32)
    app.config.update(
        SESSION_COOKIE_NAME="demo_test",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=url.startswith("https://"),
    )
    app.extensions["url"] = url
    app.extensions["platform"] = Platform(issuer)
    app.extensions["clients"] = {client.kind: client for client in clients}
    app.extensions["desk"] = Desk()
    app.context_processor(
        lambda: {"_": translate_now, "language": speak(), "service_name": translate_now("Test")}
    )
    app.register_blueprint(trial)
    return app


def own_url() -> str:
    return cast("str", current_app.extensions["url"])


def platform() -> Platform:
    return cast("Platform", current_app.extensions["platform"])


def desk() -> Desk:
    return cast("Desk", current_app.extensions["desk"])


def get_client(kind: str) -> TrialClient:
    clients = cast("dict[str, TrialClient]", current_app.extensions["clients"])
    return clients.get(kind) or next(iter(clients.values()))


def get_run() -> Run:
    run = desk().get(session.get("run", ""))
    if run is None:
        session["run"], run = desk().open()
    return run


def speak() -> str:
    return str(session.get("language", LANGUAGES[0]))


def translate_now(text: str) -> str:
    return translate(text, speak())


# --- Pages ----------------------------------------------------------------------------------------


@trial.get("/")
def home() -> str:
    """Show the form, what can be done next, and everything that happened, the newest first."""
    run = get_run()
    preset = PRESETS.get(request.args.get("preset", ""))
    if preset is not None:
        run.values = make_values(preset.values)
    heard = [notice for sid, notice in list(desk().notices) if sid in run.sids]
    steps = sorted([*run.exchanges, *heard], key=lambda exchange: exchange.at, reverse=True)
    return render_template(
        "trial/home.html",
        kinds={kind: KINDS[kind] for kind in current_app.extensions["clients"]},
        client=get_client(run.values["kind"]),
        fields=FIELDS,
        rest_fields=REST_FIELDS,
        is_rest_open=any(run.values[f.name] != f.default for f in REST_FIELDS),
        presets=PRESETS,
        values=run.values,
        run=run,
        steps=steps,
        faults=FAULTS,
        now=time.time_ns(),
        clock=lambda at: time.strftime("%H:%M:%S", time.localtime(at)),
    )


@trial.post("/language/<code>")
def choose_language(code: str) -> Response:
    if code in LANGUAGES:
        session["language"] = code
    return redirect(url_for(".home"))


@trial.post("/forget")
def forget() -> Response:
    """Forget everything that this browser has tried."""
    desk().close(session.pop("run", ""))
    return redirect(url_for(".home"))


# --- Asking ---------------------------------------------------------------------------------------


@trial.post("/send")
def send() -> Response:
    """Send the request of the form: to the token endpoint for a machine, else with the browser."""
    run = get_run()
    run.values = read_values(request.form)
    client = get_client(run.values["kind"])
    run.code, run.tokens, run.asked = "", {}, {}
    is_bound = client.is_fapi or bool(run.values["dpop"])
    run.dpop_key = ECKey.generate_key("P-256") if is_bound else None
    if client.is_machine:
        ask_for_tokens(
            run, {"grant_type": "client_credentials", "scope": run.values["scope"]}, "Machine token"
        )
        return show_steps()
    return authorize(run, client)


def authorize(run: Run, client: TrialClient) -> Response:
    run.verifier = secrets.token_urlsafe(48)
    run.asked = make_request(run, client)
    address, shown = platform().get("authorization_endpoint"), run.asked
    if client.is_fapi or run.values["push"]:
        pushed = ask(
            platform(),
            client,
            "pushed_authorization_request_endpoint",
            run.asked,
            title="Pushed request (PAR)",
            dpop_key=run.dpop_key,
        )
        run.exchanges.append(pushed)
        if pushed.is_error:
            return show_steps()
        shown = {"client_id": client.client_id, "request_uri": pushed.told["request_uri"]}
    url = f"{address}?{urlencode(shown)}"
    run.exchanges.append(
        Exchange("Authorization request, with the browser", "GET", url, sent=list(shown.items()))
    )
    return redirect(url)


def make_request(run: Run, client: TrialClient) -> dict[str, str]:
    """Return the parameters of the form, what is left empty left out or made up."""
    values = run.values
    asked = {
        "client_id": client.client_id,
        "redirect_uri": f"{own_url()}/callback",
        "state": secrets.token_urlsafe(16),
        "nonce": secrets.token_urlsafe(16),
    }
    asked |= {f.name: values[f.name] for f in (*FIELDS, *REST_FIELDS) if values[f.name]}
    if values["pkce"]:
        asked["code_challenge"] = make_challenge(run.verifier)
        asked["code_challenge_method"] = "S256"
    lines = [line.partition("=") for line in values["extra"].splitlines() if "=" in line]
    return asked | {name.strip(): value.strip() for name, _equals, value in lines}


def show_steps() -> Response:
    return redirect(f"{url_for('.home')}#steps")


# --- Answers --------------------------------------------------------------------------------------


@trial.route("/callback", methods=["GET", "POST"])
def callback() -> Response:
    """Take the answer, in the address, by POST or as a signed token, and look at it."""
    run, told = get_run(), dict(request.values.items())
    client = get_client(run.values["kind"])
    exchange = Exchange(
        "Answer to the browser", request.method, request.base_url, sent=list(told.items())
    )
    if "response" in told:
        token = check_signed_answer(platform(), told["response"], client)
        exchange.tokens.append(token)
        told = {name: str(value) for name, value in token.claims.items()} if token.holds else {}
    exchange.checks = [
        Check("iss", told.get("iss") == platform().issuer),  # RFC 9207
        Check("state", told.get("state") == run.asked.get("state", "")),
    ]
    if "error" in told:
        exchange.told = told
    run.exchanges.append(exchange)
    if not exchange.is_error and "code" in told:
        run.code = told["code"]
        if run.values["redeem"]:
            redeem(run, "")
    return show_steps()


@trial.get("/signed-out")
def signed_out() -> Response:
    told: Pairs = list(request.args.items())
    get_run().exchanges.append(
        Exchange("Back from signing out", "GET", request.base_url, sent=told)
    )
    return show_steps()


@trial.post("/backchannel-logout")
def backchannel_logout() -> tuple[str, int]:
    """Write down who is signed out: it comes by itself, without a browser."""
    text = request.form.get("logout_token", "")
    token = check_logout_token(platform(), text, find_client_of(text))
    exchange = Exchange(
        "Back-channel notice from the platform",
        "POST",
        request.base_url,
        sent=[("logout_token", text)],
        tokens=[token],
    )
    if not token.holds:
        return "", 400
    desk().notices.append((token.claims["sid"], exchange))
    return "", 200


@trial.get("/frontchannel-logout")
def frontchannel_logout() -> str:
    """Write down who is signed out; the platform's sign-out page loads this in a frame."""
    exchange = Exchange(
        "Front-channel notice in a frame",
        "GET",
        request.base_url,
        sent=list(request.args.items()),
        checks=[Check("iss", request.args.get("iss") == platform().issuer)],
    )
    desk().notices.append((request.args.get("sid", ""), exchange))
    return ""


@trial.get("/-/live")
def live() -> str:
    return "ok"


def find_client_of(token: str) -> TrialClient:
    """Return the registration that a token says it is for; checking it comes after."""
    audience = take_apart(token)[1].get("aud")
    clients = cast("dict[str, TrialClient]", current_app.extensions["clients"])
    return next((c for c in clients.values() if c.client_id == audience), get_client(""))


# --- What can be done with tokens -----------------------------------------------------------------


@trial.post("/redeem")
def redeem_again() -> Response:
    redeem(get_run(), request.form.get("fault", ""))
    return show_steps()


@trial.post("/refresh")
def refresh() -> Response:
    run = get_run()
    sent = {"grant_type": "refresh_token", "refresh_token": run.tokens.get("refresh_token", "")}
    ask_for_tokens(run, sent, "Refresh", fault=request.form.get("fault", ""))
    return show_steps()


@trial.post("/userinfo")
def userinfo() -> Response:
    run = get_run()
    token = str(run.tokens.get("access_token", ""))
    run.exchanges.append(fetch_userinfo(platform(), token, title="Userinfo", dpop_key=run.dpop_key))
    return show_steps()


@trial.post("/introspect/<kind>")
def introspect(kind: str) -> Response:
    return send_token("introspection_endpoint", kind, "Introspection")


@trial.post("/revoke/<kind>")
def revoke(kind: str) -> Response:
    return send_token("revocation_endpoint", kind, "Revocation")


@trial.post("/sign-out")
def sign_out() -> Response:
    """Sign out at the platform, with the ID token as a hint or, to see the question, without."""
    run = get_run()
    sent = {
        "post_logout_redirect_uri": f"{own_url()}/signed-out",
        "state": secrets.token_urlsafe(8),
    }
    if "id_token" in run.tokens and "without_hint" not in request.form:
        sent["id_token_hint"] = run.tokens["id_token"]
    url = f"{platform().get('end_session_endpoint')}?{urlencode(sent)}"
    run.exchanges.append(
        Exchange("Signing out, with the browser", "GET", url, sent=list(sent.items()))
    )
    return redirect(url)


def send_token(endpoint: str, kind: str, title: str) -> Response:
    run = get_run()
    client = get_client(run.values["kind"])
    sent = {"token": str(run.tokens.get(kind, "")), "token_type_hint": kind}
    run.exchanges.append(ask(platform(), client, endpoint, sent, title=title))
    return show_steps()


def redeem(run: Run, fault: str) -> None:
    """Redeem the code; a fault shows what the platform says to it."""
    sent = {
        "grant_type": "authorization_code",
        "code": run.code,
        "redirect_uri": run.asked.get("redirect_uri", ""),
        "code_verifier": run.verifier if run.values["pkce"] else "",
    }
    if fault == "verifier":
        sent["code_verifier"] = secrets.token_urlsafe(48)
    if fault == "redirect_uri":
        sent["redirect_uri"] += "/elsewhere"
    ask_for_tokens(run, sent, "Code for tokens", fault=fault, nonce=run.asked.get("nonce", ""))


def ask_for_tokens(
    run: Run, sent: Mapping[str, str], title: str, *, fault: str = "", nonce: str | None = None
) -> None:
    """Ask the token endpoint, keep what it gives, and look at the ID token."""
    client = get_client(run.values["kind"])
    exchange = ask(
        platform(),
        client,
        "token_endpoint",
        sent,
        title=title,
        dpop_key=run.dpop_key,
        is_secret_wrong=fault == "secret",
    )
    run.exchanges.append(exchange)
    if exchange.is_error or not isinstance(exchange.told, dict):
        return
    run.tokens |= exchange.told
    if "id_token" in exchange.told:
        token = check_id_token(
            platform(),
            exchange.told["id_token"],
            client,
            nonce=nonce,
            access_token=exchange.told.get("access_token", ""),
        )
        exchange.tokens.append(token)
        run.sids.add(str(token.claims.get("sid", "")))


# --- Around every answer --------------------------------------------------------------------------


@trial.app_errorhandler(RequestException)
def platform_away(error: RequestException) -> tuple[str, int]:
    current_app.logger.warning("The platform does not answer: %s", type(error).__name__)
    return render_template("trial/away.html"), 503


@trial.after_app_request
def protect(response: FlaskResponse) -> FlaskResponse:
    """Let the platform alone frame the one page that it must, and forms lead there."""
    origin = "/".join(platform().issuer.split("/")[:3])
    is_frame = request.endpoint == "trial.frontchannel_logout"
    return forbid_foreign_content(response, origin, origin if is_frame else "'none'")
