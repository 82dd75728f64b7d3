from collections.abc import Collection, Mapping
from datetime import datetime

from django.utils.translation import get_language

from companies.models import Assignment, Company, Mandate, Membership
from companies.operations import MandateTerms
from services.models import Package, Service
from services.operations import (
    Answer,
    approve_mandate,
    assign_person,
    describe_terms,
    request_mandate,
)
from services.queries import cover, list_covered
from services.rendering import make_consent
from tests.factories.companies import SYSTEM
from vop.lib.clock import add_months, local_date, local_midnight

Chosen = Mapping[Service, Collection[Package]]


def owner_of(company: Company) -> Membership:
    return Membership.objects.select_related("user", "company").get(pk=company.main_contact_id)


def read_text(mandate: Mandate) -> Answer:
    """What somebody says yes to who reads the page now."""
    assert get_language()
    consent = make_consent(describe_terms(mandate), list_covered(mandate), method="pwd")
    return Answer(consent.sha256, "pwd")


def terms_of(
    client: Company,
    firm: Company,
    *,
    now: datetime,
    side: Mandate.Side = Mandate.Side.FIRM,
    lead: Membership | None = None,
    months: int = 12,
    starts: datetime | None = None,
) -> MandateTerms:
    start = starts or local_midnight(local_date(now))
    end = local_midnight(add_months(local_date(start), months))
    return MandateTerms(client, firm, side, start, end, lead)


def ask_for(terms: MandateTerms, chosen: Chosen, *, acting: Membership, now: datetime) -> Mandate:
    """A request that waits for an answer."""
    covered = cover(chosen)
    answer = Answer(make_consent(terms, covered, method="pwd").sha256, "pwd")
    return request_mandate(
        terms=terms, covered=covered, answer=answer, acting=acting, actor=SYSTEM, now=now
    )


def approve(mandate: Mandate, *, now: datetime, acting: Membership | None = None) -> Mandate:
    """A mandate that the other side's owner approved."""
    answering = mandate.party(mandate.answering_side)
    return approve_mandate(
        mandate=mandate,
        answer=read_text(mandate),
        acting=acting or owner_of(answering),
        actor=SYSTEM,
        now=now,
    )


def make_mandate(
    client: Company,
    firm: Company,
    chosen: Chosen,
    *,
    now: datetime,
    lead: Membership | None = None,
    months: int = 12,
) -> Mandate:
    """A mandate that the firm's owner asked for and the client's owner approved, at one instant."""
    terms = terms_of(client, firm, now=now, lead=lead, months=months)
    return approve(ask_for(terms, chosen, acting=owner_of(firm), now=now), now=now)


def assign(
    mandate: Mandate,
    membership: Membership,
    chosen: Chosen,
    *,
    now: datetime,
    until: datetime | None = None,
    acting: Membership | None = None,
) -> Assignment:
    """A member of the firm who works for the client."""
    return assign_person(
        mandate=mandate,
        membership=membership,
        chosen={each.service: each.packages for each in cover(chosen)},
        valid_until=until or mandate.valid_until,
        acting=acting or owner_of(mandate.firm),
        actor=SYSTEM,
        now=now,
    )
