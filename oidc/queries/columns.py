"""The columns and parameters that several queries share."""

from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, DateTimeField

from oidc.models import ClientProfile, Grant
from vop.lib.statements import Parameter

AT: Any = Parameter("at", DateTimeField())
DIGEST = Parameter("digest", CharField())
CLIENT_ID = Parameter("client_id", CharField())
# What token traffic reads of each row; every text more is decoded at every request for nothing.
COMPANY_FIELDS = (
    "id", "name", "org_number", "country", "closed_at",
    "requires_second_factor", "session_minutes",  # what the company asks of a session
)  # fmt: skip
WORKPLACE_FIELDS = (*COMPANY_FIELDS, "networks")  # a person at a browser shows from where
PERSON_FIELDS = ("id", "sub", "email", "full_name", "language", "is_active", "is_staff")
SERVICE_FIELDS = ("id", "slug", "name", "is_active", "is_first_party")
LIBRARY_FIELDS = ("id", "client_id", "name", "_scope", "_redirect_uris")
PROFILE_FIELDS = tuple(
    field.name
    for field in ClientProfile._meta.concrete_fields
    if field.name not in {"frontchannel_logout_uri", "backchannel_logout_uri", "created_at"}
)
GRANT_FIELDS = tuple(
    field.name
    for field in Grant._meta.concrete_fields
    if field.name not in {"session_ref", "code_digest", "code_jkt", "revoked_reason"}
)
USED_GRANT_FIELDS = tuple(  # once its code is spent
    name
    for name in GRANT_FIELDS
    if name not in {"redirect_uri", "nonce", "code_challenge", "code_expires_at", "redeemed_at"}
)


def of(relation: str, fields: Sequence[str]) -> Sequence[str]:
    """Name columns of what a relation leads to."""
    return [f"{relation}__{field}" for field in fields]
