"""What a token says: the claims of an ID token and of userinfo, in one company."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import User
from companies.models import Company
from oidc.models import ClientProfile, Grant
from oidc.protocol.jose import half_hash
from oidc.queries import has_verified_address
from services.access import Access


def build_id_token(
    *,
    grant: Grant,
    client: ClientProfile,
    access: Access,
    access_token: str,
    nonce: str,
    now: datetime,
) -> Mapping[str, Any]:
    """Return the claims of an ID token; who and when are the authorization's, for ever."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": settings.OIDC_ISSUER,
        "sub": str(grant.user.sub),
        "aud": client.client_id_text,
        "azp": client.client_id_text,
        "iat": issued,
        "exp": issued + settings.OIDC_IDTOKEN_EXPIRE,
        "auth_time": int(grant.auth_time.timestamp()),
        "amr": grant.amr,
        "sid": grant.sid,
        "at_hash": half_hash(client.id_token_alg, access_token),
        **build_company_claims(grant.company, client, access, person=grant.user),
        **_build_wanted_claims(grant, "id_token"),
    }
    if grant.acr:
        claims["acr"] = grant.acr
    if nonce:
        claims["nonce"] = nonce
    return claims


def build_company_claims(
    company: Company, client: ClientProfile, access: Access, *, person: User | None = None
) -> Mapping[str, Any]:
    """Return for which company, in which roles and through what (design rules 4 and 9).

    Through a mandate, `act` says who acts and from which firm (the shape of RFC 8693, 4.1).
    """
    claims: dict[str, Any] = {
        "company": {
            "id": str(company.pk),
            "org_number": company.org_number,
            "name": company.name,
            "country": company.country,
        },
        "roles": sorted(access.roles),
        "packages": sorted(access.packages),
        "via": access.ground,
    }
    if person is not None and access.firm_id is not None:
        claims["act"] = {"sub": str(person.sub), "company": str(access.firm_id)}
    if client.customer_claims:
        claims |= _build_customer_claims(company)
    return claims


def build_userinfo(
    *,
    grant: Grant,
    client: ClientProfile,
    scopes: frozenset[str],
    access: Access,
    is_email_verified: bool,
) -> Mapping[str, Any]:
    """Return what userinfo says: the subject, the company, and what the scopes open (Core 5.4)."""
    person = grant.user
    claims: dict[str, Any] = {
        "sub": str(person.sub),
        **build_company_claims(grant.company, client, access, person=person),
    }
    if "profile" in scopes:
        claims |= {name: value for name, value in _build_profile(person).items() if value}
    if "email" in scopes:
        claims |= {"email": person.email, "email_verified": is_email_verified}
    return claims | _build_wanted_claims(grant, "userinfo")


def _build_wanted_claims(grant: Grant, place: str) -> dict[str, Any]:
    """Return the claims that the client asked for by name (Core 5.5)."""
    names = grant.wanted_claims.get(place, ())
    if not names:
        return {}
    known = {**_build_profile(grant.user), **_build_customer_claims(grant.company)}
    known |= {"email": grant.user.email}
    if "email_verified" in names:
        known["email_verified"] = has_verified_address(grant.user)
    return {name: known[name] for name in names if known.get(name) or known.get(name) is False}


def _build_profile(person: User) -> dict[str, Any]:
    return {"name": person.full_name, "locale": person.language, "zoneinfo": settings.TIME_ZONE}


def _build_customer_claims(company: Company) -> dict[str, Any]:
    return {
        "customer_id": str(company.pk),
        "customer_no": company.org_number,
        "customer_name": company.name,
        "orgno": company.org_number,
        "customer_country_code": company.country,
    }
