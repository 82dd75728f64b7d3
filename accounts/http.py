"""The request as views of a signed-in person know it, and the door to signing up."""

from datetime import timedelta
from importlib import import_module
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise

from accounts.models import Session, User
from accounts.operations import touch_session
from accounts.queries import get_authentication, has_fresh_proof, has_totp
from auditlog.actors import Actor
from vop.lib.http import PlatformRequest, client_ip

SECOND_FACTOR_NEXT = "vop_second_factor_next"  # in the session: where setting one up leads to
KEPT = "vop_kept_request"  # in the session: what was sent before a proof was asked for
SEEN_EVERY = timedelta(minutes=5)
PROOF_IS_FRESH_FOR = timedelta(minutes=10)
SIGN_UP = "vop_sign_up"  # the key in the session of an opened invitation


class AnyRequest(PlatformRequest):
    """A request of anybody, with the actor that the log will name."""

    actor: Actor


class PersonRequest(AnyRequest):
    """A request of a signed-in person."""

    user: User


def signed_in_user(request: HttpRequest) -> User | None:
    """Return the person at the keyboard, or nothing when nobody signed in."""
    return request.user if request.user.is_authenticated else None


def build_actor(request: HttpRequest, user: User | None) -> Actor:
    """Tell who makes a request and from where; staff acting in the admin are named as staff."""
    ip = client_ip(request, trusted_proxies=settings.TRUSTED_PROXY_COUNT)
    user_agent = request.META.get("HTTP_USER_AGENT", "")  # `headers` would read all of them
    request_id = getattr(request, "request_id", "")
    if user is None:
        return Actor.anonymous(ip=ip, user_agent=user_agent, request_id=request_id)
    kind = "staff" if user.is_staff and request.path.startswith("/admin/") else "person"
    return Actor(kind, str(user.pk), user.display_name, ip, user_agent, request_id)


def recognize(request: AnyRequest, row: Session) -> bool:
    """Give a request that no middleware saw the session of a row, its person, and the actor.

    Only where Django's own check (django.contrib.auth.get_user) would say yes without more ado;
    else the request is left as it was, for that check to decide.
    """
    person = row.user
    store = import_module(settings.SESSION_ENGINE).SessionStore(row.session_key)
    store.take(row)
    backends = [store.get(BACKEND_SESSION_KEY)]
    if person is None or not person.is_active or backends != settings.AUTHENTICATION_BACKENDS:
        return False
    if store.get(SESSION_KEY) != str(person.pk) or not constant_time_compare(
        store.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()
    ):
        return False
    request.session, request.user = store, person
    request.actor = build_actor(request, person)
    return True


def store_session(request: HttpRequest) -> None:
    """Write a session that got a new key in this very request, for what is to rest on its row."""
    cast("Any", request.session).store()  # ours, see accounts.adapter


def new_session_row(request: HttpRequest) -> Session | None:
    """Return the row of a session that got a new key, to be written along with something else.

    Nothing if it is there already. Once it is written, say so (`note_session_written`).
    """
    row: Session | None = cast("Any", request.session).new_row()
    return row


def note_session_written(request: HttpRequest) -> None:
    """Spare the end of the request writing the session again, unless it changes until then."""
    cast("Any", request.session).note_written()


def note_seen(request: AnyRequest) -> None:
    """Keep "last seen" of a session right to a few minutes without a write per request."""
    session = cast("Any", request.session)  # ours, see accounts.adapter
    if session.seen_at is None or request.now - session.seen_at < SEEN_EVERY:
        return
    if session.session_key and not session.modified:  # a modified one is saved anyway
        touch_session(session_key=session.session_key, now=request.now)


def instant_of(request: HttpRequest) -> PlatformRequest:
    """Return a request that has its instant, also one that never passed the middleware."""
    if not hasattr(request, "now"):
        cast("PlatformRequest", request).now = timezone.now()
    return cast("PlatformRequest", request)


def open_signup(
    request: HttpRequest, *, email: str, full_name: str, next_url: str
) -> HttpResponseRedirect:
    """Let the holder of an invitation sign up with its address; return the way there.

    The caller vouches that the link came by mail to that address. Afterwards the new person is
    signed in and sent to `next_url`.
    """
    request.session[SIGN_UP] = {"email": email, "full_name": full_name, "next": next_url}
    return HttpResponseRedirect(reverse("account_signup"))


def begin_second_factor(request: HttpRequest, *, next_url: str) -> HttpResponseRedirect:
    """Send a person to add an authenticator app; the last page of it leads on to `next_url`."""
    request.session[SECOND_FACTOR_NEXT] = next_url
    return HttpResponseRedirect(reverse("mfa_activate_totp"))


def prove_second_factor(request: HttpRequest, *, next_url: str) -> HttpResponseRedirect:
    """Send a signed-in person to prove a second factor, or to add one, and then to `next_url`."""
    if not has_totp(cast("PersonRequest", request).user):
        return begin_second_factor(request, next_url=next_url)
    proof = get_authentication(request)
    is_half = "pwd" in proof.amr or not proof.second_factor_at
    # A code alone is one factor: who has shown nothing else is asked for the password first.
    page = "mfa_reauthenticate" if is_half else "account_reauthenticate"
    return redirect_to_login(next_url, reverse(page))


class StaleProofError(Exception):
    """What was sent is sensitive, and it was too long ago that the person proved who they are."""

    def __init__(self, title: str | Promise) -> None:
        super().__init__()
        self.title = title


def demand_fresh_proof(request: AnyRequest, title: str | Promise) -> None:
    """Let a sensitive request pass only soon after a proof; `title` says what it does, as a button.

    Raises: StaleProofError, which `companies.http.company_page` turns into the way to the proof.
    """
    if not has_fresh_proof(request, now=request.now, within=PROOF_IS_FRESH_FOR):
        raise StaleProofError(title)
    request.session.pop(KEPT, None)


def ask_to_prove(request: HttpRequest, title: str | Promise) -> HttpResponseRedirect:
    """Lead to a fresh proof; what was sent is kept and offered again afterwards."""
    return redirect_to_login(keep_sent(request, title), reverse("account_reauthenticate"))


def keep_sent(request: HttpRequest, title: str | Promise) -> str:
    """Keep what was sent in the session; return the page that offers to send it again.

    Files aren't kept. What the page then sends is checked anew, as anything sent.
    """
    sent = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]
    path = request.get_full_path()
    request.session[KEPT] = {"path": path, "sent": sent, "title": str(title)}
    return reverse("accounts:go_on")


def is_address(text: str) -> bool:
    """Tell whether a text could be an e-mail address, so that it may stand in the sign-in form."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def opened_signup(request: HttpRequest) -> dict[str, str] | None:
    """Return the invitation that this session opened, or nothing."""
    found: dict[str, str] | None = request.session.get(SIGN_UP)
    return found
