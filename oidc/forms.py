"""What a person answers on the way to a service.

The request itself travels signed in the form: two requests in two tabs of one browser never mix.
"""

import dataclasses
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.core import signing

from accounts.models import User

_PENDING_SALT = "oidc.pending"
_FRESH_SALT = "oidc.fresh"
_LOGOUT_SALT = "oidc.logout"
PENDING_SECONDS = 60 * 60
FRESH_SECONDS = 10 * 60
FRESH_PARAMETER = "vop_after"


class StaleAnswerError(Exception):
    """The form is too old, or was shown to somebody else, or wasn't made by us."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization request between two pages: what the client asked, what was answered."""

    parameters: Mapping[str, str]
    proof_asked_at: int = 0
    company: str = ""
    is_account_confirmed: bool = False
    request_uri: str = ""  # of the pushed request that the parameters came from

    def seal(self, user: User, session_ref: str) -> str:
        """Sign it for one person in one browser session."""
        binding = {"who": str(user.pk), "where": session_ref}
        return signing.dumps(
            {**dataclasses.asdict(self), **binding}, salt=_PENDING_SALT, compress=True
        )

    @classmethod
    def unseal(cls, text: str, user: User | None, session_ref: str) -> "Pending":
        """Return what was signed for this person in this session.

        Raises: StaleAnswerError.
        """
        try:
            values = signing.loads(text, salt=_PENDING_SALT, max_age=PENDING_SECONDS)
        except signing.BadSignature as error:
            raise StaleAnswerError from error
        bound_to = (values.pop("who"), values.pop("where"))
        if user is None or bound_to != (str(user.pk), session_ref):
            raise StaleAnswerError
        return cls(**values)


@dataclass(frozen=True, slots=True)
class PendingLogout:
    """A logout between its confirm page and the answer."""

    redirect_uri: str

    def seal(self, user: User) -> str:
        """Sign it for one person."""
        values = {"uri": self.redirect_uri, "who": str(user.pk)}
        return signing.dumps(values, salt=_LOGOUT_SALT)

    @classmethod
    def unseal(cls, text: str, user: User | None) -> "PendingLogout":
        """Return what was signed for this person.

        Raises: StaleAnswerError.
        """
        try:
            values = signing.loads(text, salt=_LOGOUT_SALT, max_age=PENDING_SECONDS)
        except signing.BadSignature as error:
            raise StaleAnswerError from error
        if user is not None and values["who"] != str(user.pk):
            raise StaleAnswerError
        return cls(values["uri"])


def sign_fresh_from(now: datetime, parameters: Mapping[str, str]) -> str:
    """Sign the second from which a proof is fresh enough for this very request (row 14)."""
    values = [int(now.timestamp()), _fingerprint(parameters)]
    return signing.dumps(values, salt=_FRESH_SALT)


def read_fresh_from(text: str, parameters: Mapping[str, str]) -> int:
    """Return the signed second, or 0 when this isn't ours, is old, or is another request's."""
    return _read_mark(text, parameters, FRESH_SECONDS)


def is_on_the_way(text: str, parameters: Mapping[str, str]) -> bool:
    """Tell whether we sent a person off with this very request, and not too long ago."""
    return bool(_read_mark(text, parameters, PENDING_SECONDS))


def _read_mark(text: str, parameters: Mapping[str, str], seconds: int) -> int:
    if not text:
        return 0
    try:
        second, fingerprint = signing.loads(text, salt=_FRESH_SALT, max_age=seconds)
    except (signing.BadSignature, TypeError, ValueError):
        return 0
    return int(second) if fingerprint == _fingerprint(parameters) else 0


def _fingerprint(parameters: Mapping[str, str]) -> str:
    ours = {FRESH_PARAMETER, "company"}
    kept = sorted((name, value) for name, value in parameters.items() if name not in ours)
    return signing.base64_hmac(_FRESH_SALT, json.dumps(kept), "oidc")


class AnswerForm(forms.Form):
    """An answer without a choice in it: continue, allow, decline."""

    pending = forms.CharField(max_length=40_000, widget=forms.HiddenInput)


class CompanyForm(AnswerForm):
    company = forms.UUIDField()

    def get_company(self) -> str:
        """Return the chosen company's id as text."""
        company: uuid.UUID = self.cleaned_data["company"]
        return str(company)


class SearchForm(AnswerForm):
    q = forms.CharField(max_length=100, required=False)
