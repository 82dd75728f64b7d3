"""What the libraries are given instead of their own: sessions, people, account hooks, factors."""

import functools
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, cast

import qrcode  # type: ignore[import-untyped]
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.internal.ratelimit import get_cache_key, get_rates
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]

from accounts import operations
from accounts.http import PROOF_IS_FRESH_FOR, AnyRequest
from accounts.models import Session, User
from accounts.operations import update_session
from accounts.queries import (
    SESSION_FACTS,
    find_active_person,
    find_session,
    get_session_ref,
    has_fresh_proof,
    is_session_key,
    last_proof,
    list_factors,
    list_people_signing_in,
)
from vop.lib.crypto import seal, unseal
from vop.lib.limits import Window, forget, give_back, take
from vop.lib.statements import write

# Of what the library knows, a mail needs only this; never a request or a token of ours.
_MAIL_FACTS = ("code", "deleted_email", "from_email", "to_email", "ip", "user_agent", "timestamp")
_UNSAID = {"account/messages/logged_in.txt", "account/messages/email_confirmation_sent.txt"}
_FAILURES = {"app": "allauth.account", "action": "login_failed"}
_list_rates = functools.cache(get_rates)  # read from the settings
_WAYS_TO_CONFIRM = {
    "reauthenticate": _("Use your password"),
    "mfa_reauthenticate": _("Use your authenticator app or a recovery code"),
}


class SessionStore(DatabaseSessionStore):
    """Sessions whose rows say whose they are, so that their owner can see and end them."""

    seen_at: datetime | None = None  # of a stored session of somebody
    _has_row = True  # as far as we know: one that ended meanwhile is refused by `save`
    _written = b""  # what this request wrote last

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        key = self.session_key or ""
        row = find_session(key, at=timezone.now()) if is_session_key(key) else None
        if row is None:
            self._session_key = None
            return {}
        self.seen_at = row.seen_at
        return self.decode(row.session_data)

    def create(self) -> None:
        """Take a new key; the row is written once, by the first `save`, with all that is in it.

        Django writes an empty one ahead, to know that the key is free. Ours has 160 random bits.
        """
        self._session_key = self._get_new_session_key()
        self._get_session(no_load=True)  # type: ignore[attr-defined]  # Django's own seam
        self._has_row = False
        self.modified = True

    def take(self, row: Session) -> None:
        """Take its content from a row that was read along with something else."""
        self.seen_at = row.seen_at
        self._session_cache = self.decode(row.session_data)

    def store(self) -> None:
        """Write it if its key is new; otherwise the row is there already."""
        if not self._has_row:
            self.save()

    def new_row(self) -> Session | None:
        """Return its row if its key is new, for a statement that writes other rows with it."""
        if self.session_key is None:
            self.create()
        return None if self._has_row else self.create_model_instance(self._get_session())  # type: ignore[attr-defined]  # Django's own seam

    def note_written(self) -> None:
        """Know that its row is there, with all that is in it now."""
        self._has_row, self._written = True, self.serializer().dumps(self._get_session())  # type: ignore[attr-defined]  # Django's own seam

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        """Write it by one statement, where Django's own takes three, and not twice the same.

        Raises: CreateError, UpdateError.
        """
        if self.session_key is None:
            self.create()
        is_new = must_create or not self._has_row
        data = self._get_session(no_load=is_new)  # type: ignore[attr-defined]  # Django's own seam
        text = self.serializer().dumps(data)
        if text == self._written and not is_new:
            return
        row = self.create_model_instance(data)
        if is_new:
            try:
                write(row)
            except IntegrityError as error:
                raise CreateError from error
        elif not update_session(row):  # ended meanwhile, in another tab or by its owner
            raise UpdateError
        self._has_row, self._written = True, text

    def delete(self, session_key: str | None = None) -> None:
        Session.of_people.filter(session_key=session_key or self.session_key).delete()

    def _get_new_session_key(self) -> str:
        return secrets.token_hex(20)  # 160 bits; the table refuses a second one

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))
        facts = data.get(SESSION_FACTS)
        if facts and SESSION_KEY in data:
            row.user_id = uuid.UUID(data[SESSION_KEY])
            row.ref = facts["ref"]
            row.signed_in_at = datetime.fromtimestamp(facts["at"], UTC)
            row.seen_at = timezone.now()
            # Use alone doesn't prolong it: 12 hours after the last proof the person is asked again.
            row.expire_date = last_proof(data) + timedelta(seconds=settings.SESSION_COOKIE_AGE)
            row.ip = facts["ip"] or None
            row.user_agent = facts["user_agent"]
        return row


class SignInBackend(AuthenticationBackend):
    """The library's sign-in, whose person is read by a compiled statement at each request."""

    def get_user(self, user_id: uuid.UUID) -> User | None:
        return find_active_person(user_id)

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """Look for the person once; the later steps find the address beside them."""
        for user in list_people_signing_in(email):
            if self._check_password(user, password):
                return user
        return None


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by our rules: invitations only, our mails, our log."""

    request: AnyRequest
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("The e-mail address or the password is wrong."),
        "too_many_login_attempts": _(
            "Too many attempts. Wait five minutes, then try again or choose a new password."
        ),
        "incorrect_password": _("The password is wrong."),
        "enter_current_password": _("The password is wrong."),
        "incorrect_code": _("The code is wrong."),
        "duplicate_email": _("That is your address already."),
        "email_taken": _("Another account uses this address."),
        "rate_limited": _("That was a little too fast. Wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # the library's own form; people come in by accounts.views.sign_up

    def is_ajax(self, request: HttpRequest) -> bool:
        return False  # pages only: there is no second way to the same forms

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt with the library's limits, by one command instead of eight."""
        self._counted = self._list_limits(request, credentials)
        self._mark = take(self._counted)
        if not self._mark:
            self._record_failure(credentials, "throttled")
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        give_back(self._counted, self._mark)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        forget(self._list_limits(request, credentials))

    def _list_limits(
        self, request: HttpRequest, credentials: Mapping[str, Any]
    ) -> Sequence[Window]:
        key = self._get_login_attempts_cache_key(request, **credentials)
        return [
            Window(
                get_cache_key(request, **_FAILURES, rate=rate, key=key), rate.amount, rate.duration
            )
            for rate in _list_rates(**_FAILURES)
        ]

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._record_failure(credentials, "wrong_password")

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponseBase:
        self._record_failure({"email": user.email}, "deactivated")
        return cast("HttpResponseBase", super().respond_user_inactive(request, user))

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponseBase:
        response = cast("HttpResponseBase", super().post_login(request, user, **kwargs))
        set_language(response, user.language)
        return response

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Say nothing where the page that follows says it."""
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask again only when the last proof, the sign-in itself included, is older."""
        return not has_fresh_proof(self.request, now=self.request.now, within=PROOF_IS_FRESH_FOR)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        found = super().get_reauthentication_methods(user)
        return [{**method, "description": _WAYS_TO_CONFIRM[method["id"]]} for method in found]

    def set_password(self, user: User, password: str) -> None:
        is_own = self.request.user.is_authenticated
        operations.set_password(
            user=user,
            password=password,
            is_reset=not is_own,
            keep_session=get_session_ref(self.request) if is_own else "",
            actor=self.request.actor,
            now=self.request.now,
        )

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.BASE_URL}{path.replace('UID-KEY', key)}"

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        operations.request_password_reset(
            user=user,
            url=context["password_reset_url"],
            actor=self.request.actor,
            now=self.request.now,
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        if template_prefix.startswith("mfa/"):
            return  # sent with the change, in its transaction: operations.record_second_factor
        full = {"user": user, **(context or {})}
        super().send_notification_mail(template_prefix, user, context=full, email=email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        operations.send_account_mail(
            name=template_prefix.rpartition("/")[2],
            to=email,
            user=context.get("user"),
            context={key: context[key] for key in _MAIL_FACTS if key in context},
        )

    def get_client_ip(self, request: HttpRequest) -> str:
        return cast("AnyRequest", request).actor.ip

    def _record_failure(self, credentials: dict[str, Any], reason: str) -> None:
        operations.record_failed_sign_in(
            email=credentials.get("email", ""),
            reason=reason,
            actor=self.request.actor,
            now=self.request.now,
        )


class MFAAdapter(DefaultMFAAdapter):
    """Second factors whose secrets are sealed in the database."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "The code is wrong, or it has been used already. Wait for the next one."
        ),
        "cannot_generate_recovery_codes": _(
            "You need an authenticator app before you can have recovery codes."
        ),
        "unverified_email": _("Confirm your e-mail address first."),
    }

    def build_totp_svg(self, url: str) -> str:
        """Draw on white: cameras don't read black on a dark page."""
        picture = BytesIO()
        qrcode.make(url, image_factory=SvgPathFillImage).save(picture)
        return picture.getvalue().decode()

    def is_mfa_enabled(
        self, user: User | AnonymousUser, types: Sequence[str] | None = None
    ) -> bool:
        """Tell whether a person has a second factor of these types."""
        if isinstance(user, AnonymousUser):
            return False
        known = list_factors(user)
        return bool(known if types is None else known.intersection(types))

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)


def set_language(response: HttpResponseBase, language: str) -> None:
    """Have this answer and the next requests speak a person's language."""
    translation.activate(language)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]
    )
