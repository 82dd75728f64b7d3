"""Pages of signing in and of one's own account.

The library's views keep their logic; here they get their transaction, so that a change and its
event stand or fall together, and the status that says how the form went.
"""

import functools
import inspect
import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, cast

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.account.mixins import RedirectAuthenticatedUserMixin
from allauth.account.utils import perform_login
from allauth.core.internal.ratelimit import get_ip, respond_429
from allauth.decorators import rate_limit
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import operations
from accounts.adapter import set_language
from accounts.forms import ProfileForm, SignUpForm
from accounts.http import (
    KEPT,
    SECOND_FACTOR_NEXT,
    SIGN_UP,
    AnyRequest,
    PersonRequest,
    opened_signup,
)
from accounts.models import User
from accounts.queries import count_recovery_codes, get_session_ref, has_totp, list_sessions
from vop.lib.db import in_use_case, use_case
from vop.lib.errors import NotFound
from vop.lib.limits import Window, take

View = Callable[..., HttpResponseBase]
THROTTLED_CODES = {"too_many_login_attempts", "rate_limited"}
_SIGN_INS_A_MINUTE = 30  # from one address
SECURITY_TXT_LIVES = timedelta(days=180)


class SignInView(account.LoginView):
    """The library's sign-in, without addresses of other ways in: the page names none of them.

    Its decorators are made anew at each request, and one stands twice: `sign_in` has them once.
    """

    dispatch = inspect.unwrap(RedirectAuthenticatedUserMixin.dispatch)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return cast("dict[str, Any]", super(account.LoginView, self).get_context_data(**kwargs))


def _form_page(view: View) -> View:
    """Answer 422 when a form has faults, and 429 when it was tried too often."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if request.method == "POST" and isinstance(response, TemplateResponse):
            form = (response.context_data or {}).get("form")
            if form is not None and form.errors:
                errors = [e for faults in form.errors.as_data().values() for e in faults]
                is_throttled = any(error.code in THROTTLED_CODES for error in errors)
                response.status_code = (
                    HTTPStatus.TOO_MANY_REQUESTS
                    if is_throttled
                    else HTTPStatus.UNPROCESSABLE_ENTITY
                )
        return response

    return wrapper


def _throttled(view: View) -> View:
    """Answer 429 when an address tries to sign in too often, whoever it says it is."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            window = Window(f"sign-in:{get_ip(request)}", _SIGN_INS_A_MINUTE, seconds=60)
            if not take([window]):
                return cast("HttpResponseBase", respond_429(request))
        return view(request, *args, **kwargs)

    return wrapper


def _change_page(view: View) -> View:
    """Run a form page's POST in one transaction: the change, its event and its mail.

    A confirmed identity resumes the POST that asked for it, inside the confirmation's own.
    """
    in_one_transaction = use_case(view)

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        starts = request.method == "POST" and not in_use_case()
        return (in_one_transaction if starts else view)(request, *args, **kwargs)

    return _form_page(wrapper)


def _link_page(view: View) -> View:
    """Answer 410 when the mailed link no longer works."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        context = response.context_data if isinstance(response, TemplateResponse) else None
        if (context or {}).get("token_fail"):
            response.status_code = HTTPStatus.GONE
        return response

    return wrapper


def _lead_on(view: View) -> View:
    """Tell the last page of setting up a second factor what it was set up for."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data["next_url"] = request.session.get(SECOND_FACTOR_NEXT, "")
        return response

    return wrapper


sign_in = login_not_required(
    never_cache(sensitive_post_parameters("password")(_throttled(_form_page(SignInView.as_view()))))
)
second_step = _change_page(mfa.authenticate)
sign_out = account.logout
deactivated = account.account_inactive
verify_email = _change_page(account.email_verification_sent)
request_password_reset = _form_page(account.password_reset)
password_reset_sent = account.password_reset_done
choose_password = _link_page(_change_page(account.password_reset_from_key))
password_was_reset = account.password_reset_from_key_done
change_email = _change_page(account.email)
change_password = _change_page(account.password_change)
set_password = _change_page(account.password_set)
confirm_by_password = _form_page(account.reauthenticate)
confirm_by_code = _change_page(mfa.reauthenticate)
add_totp = _change_page(login_required(never_cache(totp.activate_totp)))
remove_totp = _change_page(login_required(totp.deactivate_totp))
show_recovery_codes = never_cache(_lead_on(recovery_codes.view_recovery_codes))
make_recovery_codes = _change_page(login_required(recovery_codes.generate_recovery_codes))
download_recovery_codes = recovery_codes.download_recovery_codes


@sensitive_post_parameters("password")
@never_cache
@rate_limit(action="signup")  # type: ignore[untyped-decorator]
def sign_up(request: AnyRequest) -> HttpResponseBase:
    """Let the holder of an opened invitation make an account."""
    invitation = opened_signup(request)
    if request.user.is_authenticated:
        return redirect("home")
    if invitation is None:
        return render(request, "account/signup_closed.html", status=HTTPStatus.FORBIDDEN)
    form = SignUpForm(request.POST or None, email=invitation["email"], initial=invitation)
    if request.method == "POST" and form.is_valid():
        user = _register(request, form)
        if user is not None:
            return _enter(request, user, next_url=invitation["next"])
    context = {"form": form, "email": invitation["email"]}
    return render(request, "account/signup.html", context, status=_status_of(form))


def _register(request: AnyRequest, form: SignUpForm) -> User | None:
    try:
        return operations.sign_up(
            email=form.email,
            full_name=form.cleaned_data["full_name"],
            language=get_language() or settings.LANGUAGE_CODE,
            password=form.cleaned_data["password"],
            actor=request.actor,
            now=request.now,
        )
    except operations.PersonExistsError as error:
        form.add_error(None, str(error.message))
        return None


def _enter(request: AnyRequest, user: User, *, next_url: str) -> HttpResponseBase:
    """Sign in whoever just chose a password; the invitation is used up."""
    del request.session[SIGN_UP]
    record_authentication(request, user, "password", email=user.email)
    response = perform_login(request, user, email=user.email, redirect_url=next_url)
    return cast("HttpResponseBase", response)


@login_required
def profile(request: PersonRequest) -> HttpResponseBase:
    """Change one's name and language."""
    user = request.user
    initial = {"full_name": user.full_name, "language": user.language}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        user = operations.update_profile(
            user=user, **form.cleaned_data, actor=request.actor, now=request.now
        )
        response = redirect("accounts:profile")
        set_language(response, user.language)
        messages.success(request, _("Your profile is saved."))
        return response
    return render(request, "accounts/profile.html", {"form": form}, status=_status_of(form))


@login_required
@never_cache
def security(request: PersonRequest) -> HttpResponse:
    """Show how one proves who one is, and where one is signed in."""
    user = request.user
    context = {
        "has_totp": has_totp(user),
        "recovery_codes": count_recovery_codes(user),
        "sessions": list_sessions(user, current=get_session_ref(request), now=request.now),
    }
    return render(request, "accounts/security.html", context)


@login_required
@require_POST
def end_session(request: PersonRequest, ref: uuid.UUID) -> HttpResponse:
    """Sign another browser of one's own out."""
    try:
        operations.end_session(user=request.user, ref=ref, actor=request.actor, now=request.now)
    except operations.SessionGoneError as error:
        raise NotFound from error
    messages.success(request, _("The session has ended."))
    return redirect("accounts:security")


@login_required
@require_POST
def end_other_sessions(request: PersonRequest) -> HttpResponse:
    """Sign every other browser of one's own out."""
    operations.end_other_sessions(
        user=request.user,
        keep=get_session_ref(request),
        actor=request.actor,
        now=request.now,
    )
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("accounts:security")


@login_required
@require_safe
@never_cache
def go_on(request: PersonRequest) -> HttpResponse:
    """Offer to send again what was sent before a fresh proof was asked for."""
    kept = request.session.get(KEPT)
    if kept is None:
        return redirect("home")
    return render(request, "accounts/go_on.html", {"kept": kept})


@require_safe
def security_txt(request: AnyRequest) -> HttpResponse:
    """Say where to report a vulnerability (RFC 9116)."""
    expires = (request.now + SECURITY_TXT_LIVES).replace(microsecond=0)
    lines = (
        f"Contact: {settings.SECURITY_CONTACT}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: sv, en",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Ask for a little patience; the limits are per minute."""
    response = render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = "60"
    return response


def _status_of(form: Form) -> int:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
