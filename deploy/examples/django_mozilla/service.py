"""A service whose people come from the platform: Django with mozilla-django-oidc.

docs/integrate.md explains it. In one file, so that it can be read in one go; the settings go into
your settings.py, the rest into an app of yours.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import django
import jwt
from django.conf import settings
from django.core.management import execute_from_command_line

ISSUER, URL = os.environ["ISSUER"], os.environ["URL"]
CLIENT_ID = os.environ["CLIENT_ID"]
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY") or os.urandom(32).hex(),
    ALLOWED_HOSTS=[urlsplit(URL).hostname],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        f"{__name__}.RenewInTheSameCompany",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(tempfile.mkdtemp()) / "db.sqlite3",
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    SESSION_COOKIE_NAME="my_service",
    SESSION_COOKIE_SECURE=URL.startswith("https://"),
    CSRF_COOKIE_NAME="my_service_csrf",
    AUTHENTICATION_BACKENDS=[f"{__name__}.PlatformBackend"],
    OIDC_RP_CLIENT_ID=CLIENT_ID,
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_RP_SCOPES="openid profile email",
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_USE_PKCE=True,
    OIDC_TOKEN_USE_BASIC_AUTH=True,  # client_secret_basic
    OIDC_TIMEOUT=10,
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/jwks",
    OIDC_OP_LOGOUT_URL_METHOD=f"{__name__}.make_sign_out_address",
    OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS=int(os.environ.get("FRESH_SECONDS", "600")),
    OIDC_EXEMPT_URLS=["signed_out"],
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
)
django.setup()

# Django's own parts can be imported only now, because the settings stand above in this file.
from django.core.cache import cache  # noqa: E402
from django.core.exceptions import SuspiciousOperation  # noqa: E402
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.template import Context, Engine  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402
from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # noqa: E402
from mozilla_django_oidc.middleware import SessionRefresh  # noqa: E402
from mozilla_django_oidc.views import (  # noqa: E402
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

keys = jwt.PyJWKClient(f"{ISSUER}/jwks")


class PlatformBackend(OIDCAuthenticationBackend):
    """Knows a person by `sub`: an e-mail address can change and can pass to somebody else."""

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        claims: dict[str, Any] = super().verify_token(token, **kwargs)
        # The library checks signature, time and nonce; these two are left to us (Core 3.1.3.7).
        if claims["iss"] != ISSUER or claims["aud"] != CLIENT_ID:
            raise SuspiciousOperation("This ID token is for somebody else.")
        return claims

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> Any:
        user = super().get_or_create_user(access_token, id_token, payload)
        if user is not None:
            if user.get_username() != payload["sub"]:  # Core 5.3.2
                raise SuspiciousOperation("Userinfo is about somebody else.")
            user.platform_claims, user.platform_id_token = payload, id_token
        return user

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        return self.UserModel.objects.filter(username=claims["sub"])

    def get_username(self, claims: dict[str, Any]) -> str:
        return str(claims["sub"])

    def update_user(self, user: Any, claims: dict[str, Any]) -> Any:
        user.email = claims["email"]
        user.save(update_fields=["email"])
        return user


class SignIn(OIDCAuthenticationRequestView):
    """Starts the sign-in, for the company that the portal's tile named."""

    def get(self, request: HttpRequest) -> Any:
        if request.GET.get("iss", ISSUER) != ISSUER:
            return HttpResponse(status=400)
        return super().get(request)

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        return {name: request.GET[name] for name in ("company",) if name in request.GET}


class Callback(OIDCAuthenticationCallbackView):
    """Takes the answer; company and roles are kept with the session, never with the person."""

    def get(self, request: HttpRequest) -> Any:
        if request.GET.get("iss") != ISSUER:  # RFC 9207: another provider's answer
            return HttpResponse(status=400)
        if "error" in request.GET:
            super().get(request)  # forgets the state and ends the session here
            page = render("Not signed in: {{ error }}", error=request.GET["error"])
            return HttpResponse(page, status=403)
        return super().get(request)

    def login_success(self) -> Any:
        answer = super().login_success()
        session = self.request.session
        session["claims"] = self.user.platform_claims
        session["id_token"] = self.user.platform_id_token
        session.save()
        cache.set(f"sid:{session['claims']['sid']}", session.session_key, timeout=None)
        return answer


class RenewInTheSameCompany(SessionRefresh):
    """Asks anew by `prompt=none` when what we know is too old; a no ends the session here."""

    def process_request(self, request: HttpRequest) -> Any:
        answer = super().process_request(request)
        if isinstance(answer, HttpResponseRedirect):
            query = urlencode({"company": request.session["claims"]["company"]["id"]})
            return HttpResponseRedirect(f"{answer.url}&{query}")
        return answer


def home(request: HttpRequest) -> HttpResponse:
    if "iss" in request.GET:  # the portal's tile: ?iss=…&company=…
        return HttpResponseRedirect(f"/sign-in?{request.GET.urlencode()}")
    if not request.user.is_authenticated:
        return HttpResponse('Not signed in. <a href="/sign-in">Sign in</a>')
    claims = request.session["claims"]
    return HttpResponse(render(PAGE, claims=claims, csrf_token=get_token(request)))


def make_sign_out_address(request: HttpRequest) -> str:
    """Return where signing out goes on: to the platform, which leads back."""
    query = {
        "id_token_hint": request.session["id_token"],
        "post_logout_redirect_uri": f"{URL}/signed-out",
    }
    return f"{ISSUER}/end-session?{urlencode(query)}"


def signed_out(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("Signed out.")


@csrf_exempt
@require_POST
def backchannel_logout(request: HttpRequest) -> HttpResponse:
    """End the session of a `sid`: the platform tells it by itself, without a browser."""
    try:
        sid = read_logout_token(request.POST.get("logout_token", ""))
    except (jwt.PyJWTError, ValueError):
        return HttpResponse(status=400)
    session_key = cache.get(f"sid:{sid}")
    if session_key:
        request.session.__class__(session_key).flush()
    return HttpResponse()


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


def render(text: str, **values: Any) -> str:
    return Engine().from_string(text).render(Context(values))


PAGE = """
<p>{{ claims.sub }} in {{ claims.company.name }} as {{ claims.roles|join:", " }}</p>
<form method="post" action="/sign-out">{% csrf_token %}
<button id="sign-out">Sign out</button></form>
"""

urlpatterns = [
    path("", home),
    path("sign-in", SignIn.as_view(), name="oidc_authentication_init"),
    path("callback", Callback.as_view(), name="oidc_authentication_callback"),
    path("sign-out", OIDCLogoutView.as_view(), name="oidc_logout"),
    path("signed-out", signed_out, name="signed_out"),
    path("backchannel-logout", backchannel_logout),
]

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "migrate", "--verbosity", "0"])
    port = urlsplit(URL).port or 8080
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", f"127.0.0.1:{port}"])
