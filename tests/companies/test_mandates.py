"""Mandates: who may ask, who may agree and how long."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Mandate, MandateConsent, MandateState, Membership, Role
from companies.operations import (
    AlreadyRequestedError,
    ForeignLeadError,
    MandateDatesError,
    MandateGoneError,
    NotAFirmError,
    NotAllowedError,
    OwnFirmError,
    OwnRequestError,
    PartyClosedError,
    StartPassedError,
    TooLongError,
    change_lead,
    decline_mandate,
    end_mandate,
)
from services.models import MandateItem, Package, Service
from services.operations import (
    Answer,
    NothingChosenError,
    ServiceNotOfferedError,
    TextChangedError,
    approve_mandate,
    request_mandate,
)
from services.queries import cover
from tests.companies.pages import deliver
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from tests.factories.mandates import (
    approve,
    ask_for,
    make_mandate,
    owner_of,
    read_text,
    terms_of,
)
from tests.factories.services import make_service

DAY = timedelta(days=1)


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def chosen(service: Service) -> dict[Service, list[Package]]:
    return {service: [Package.OPERATE]}


Chosen = dict[Service, list[Package]]


def actions() -> list[str]:
    rows = Event.objects.filter(action__startswith="mandate.").order_by("pk")
    return [row.action for row in rows]


def test_firm_asks_and_client_agrees(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)
    assert mandate.state_at(now) is MandateState.REQUESTED
    [mail] = deliver()
    assert mail.to == ["alice@exempel.se"]

    mandate = approve(mandate, now=now + DAY)

    assert mandate.state_at(now + DAY) is MandateState.ACTIVE
    assert actions() == ["mandate.requested", "mandate.approved"]
    event = Event.objects.get(action="mandate.approved")
    assert {row.company_id for row in event.audience.all()} == {acme.pk, byra.pk}
    assert {mail.to[0] for mail in deliver()} == {"alice@exempel.se", "berit@exempel.se"}
    packages = set(MandateItem.objects.values_list("package", flat=True))
    assert packages == {Package.READ, Package.OPERATE}


def test_both_consents_keep_the_text_and_its_hash(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    make_mandate(acme, byra, chosen, now=now)

    asked, agreed = MandateConsent.objects.order_by("side")[::-1]
    assert (asked.side, agreed.side) == ("firm", "client")
    assert asked.text == agreed.text
    assert "Byrån AB" in agreed.text
    assert "Bokföring" in agreed.text
    assert asked.text_sha256 == agreed.text_sha256
    assert (agreed.person.email, agreed.method) == ("alice@exempel.se", "pwd")


def test_text_that_changed_since_it_was_read_is_not_agreed_to(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)
    read = read_text(mandate)
    Company.objects.filter(pk=byra.pk).update(name="Andra namnet AB")
    mandate = Mandate.objects.with_parties().get(pk=mandate.pk)

    with pytest.raises(TextChangedError):
        approve_mandate(mandate=mandate, answer=read, acting=owner_of(acme), actor=SYSTEM, now=now)
    assert Mandate.objects.filter(approved_at=None).exists()


def test_client_asks_and_firm_agrees(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    terms = terms_of(acme, byra, now=now, side=Mandate.Side.CLIENT)
    mandate = approve(ask_for(terms, chosen, acting=owner_of(acme), now=now), now=now)

    assert mandate.approved_by == owner_of(byra).user


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.SECURITY])
def test_only_an_owner_asks_as_the_client(
    acme: Company, byra: Company, chosen: Chosen, now: datetime, role: Role
) -> None:
    """To ask as the client is to consent."""
    asker = join_company(acme, make_user(email="nils@exempel.se"), role)
    terms = terms_of(acme, byra, now=now, side=Mandate.Side.CLIENT)

    with pytest.raises(NotAllowedError):
        ask_for(terms, chosen, acting=asker, now=now)


@pytest.mark.parametrize("role", [Role.ENGAGEMENT_LEAD, Role.MEMBER])
def test_only_who_may_ask_for_mandates_does(
    acme: Company, byra: Company, chosen: Chosen, now: datetime, role: Role
) -> None:
    asker = join_company(byra, make_user(email="nils@exempel.se"), role)

    with pytest.raises(NotAllowedError):
        ask_for(terms_of(acme, byra, now=now), chosen, acting=asker, now=now)


def test_asker_does_not_agree_even_as_owner_of_both(
    acme: Company, byra: Company, chosen: Chosen, alice: User, now: datetime
) -> None:
    both = join_company(byra, alice, Role.OWNER)
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=both, now=now)

    with pytest.raises(OwnRequestError):
        approve(mandate, now=now, acting=owner_of(acme))
    with (
        pytest.raises(IntegrityError, match=r"(?i)approved_by_its_requester"),
        transaction.atomic(),
    ):
        Mandate.objects.filter(pk=mandate.pk).update(approved_at=now, approved_by=F("requested_by"))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.BILLING, Role.MEMBER])
def test_only_the_other_sides_owner_agrees(
    acme: Company, byra: Company, chosen: Chosen, now: datetime, role: Role
) -> None:
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)
    admin = join_company(acme, make_user(email="nils@exempel.se"), role)
    firms_other_owner = join_company(byra, make_user(email="bo@byra.se"), Role.OWNER)

    for acting in (admin, firms_other_owner):
        with pytest.raises(NotAllowedError):
            approve(mandate, now=now, acting=acting)
        with pytest.raises(NotAllowedError):
            decline_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now)


# --- Bad input ------------------------------------------------------------------------------------


def test_mandate_is_given_to_a_firm_and_not_to_itself(
    acme: Company, other: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    with pytest.raises(NotAFirmError):
        ask_for(terms_of(acme, other, now=now), chosen, acting=owner_of(other), now=now)
    with pytest.raises(OwnFirmError):
        ask_for(terms_of(byra, byra, now=now), chosen, acting=owner_of(byra), now=now)


def test_closed_company_takes_part_in_nothing(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)
    Company.objects.filter(pk=byra.pk).update(closed_at=now)

    with pytest.raises(PartyClosedError):
        approve(mandate, now=now)
    with pytest.raises(NotAllowedError):  # in a closed company nobody may do anything
        ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)


def test_dates_are_held_to_the_rules(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    acting = owner_of(byra)
    with pytest.raises(TooLongError):
        ask_for(terms_of(acme, byra, now=now, months=25), chosen, acting=acting, now=now)
    with pytest.raises(StartPassedError):
        ask_for(terms_of(acme, byra, now=now, starts=now - 2 * DAY), chosen, acting=acting, now=now)
    with pytest.raises(StartPassedError):
        ask_for(
            terms_of(acme, byra, now=now, starts=now + 400 * DAY), chosen, acting=acting, now=now
        )
    with pytest.raises(MandateDatesError):
        ask_for(terms_of(acme, byra, now=now, months=0), chosen, acting=acting, now=now)
    ask_for(terms_of(acme, byra, now=now, months=24), chosen, acting=acting, now=now)


def test_something_must_be_chosen_that_is_offered(
    acme: Company, byra: Company, service: Service, chosen: Chosen, now: datetime
) -> None:
    terms, acting = terms_of(acme, byra, now=now), owner_of(byra)
    with pytest.raises(NothingChosenError):
        ask_for(terms, {}, acting=acting, now=now)
    service.is_active = False
    with pytest.raises(ServiceNotOfferedError):
        request_mandate(
            terms=terms,
            covered=cover(chosen),
            answer=Answer("", ""),
            acting=acting,
            actor=SYSTEM,
            now=now,
        )


def test_lead_is_somebody_of_the_firm(
    acme: Company, byra: Company, chosen: Chosen, bob: User, now: datetime
) -> None:
    stranger = Membership.objects.get(user=bob)
    with pytest.raises(ForeignLeadError):
        ask_for(
            terms_of(acme, byra, now=now, lead=stranger), chosen, acting=owner_of(byra), now=now
        )
    mandate = make_mandate(acme, byra, chosen, now=now)
    lead = join_company(byra, make_user(email="leif@byra.se"), Role.ENGAGEMENT_LEAD)
    with pytest.raises(ForeignLeadError):
        change_lead(mandate=mandate, lead=stranger, acting=owner_of(byra), actor=SYSTEM, now=now)
    User.objects.filter(pk=lead.user_id).update(is_active=False)
    with pytest.raises(ForeignLeadError):
        change_lead(mandate=mandate, lead=lead, acting=owner_of(byra), actor=SYSTEM, now=now)
    User.objects.filter(pk=lead.user_id).update(is_active=True)
    with pytest.raises(NotAllowedError):
        change_lead(mandate=mandate, lead=lead, acting=lead, actor=SYSTEM, now=now)
    changed = change_lead(mandate=mandate, lead=lead, acting=owner_of(byra), actor=SYSTEM, now=now)
    assert changed.lead == lead
    assert not mandate.assignments.exists()  # it gives no access
    with pytest.raises(MandateGoneError):
        change_lead(
            mandate=mandate, lead=None, acting=owner_of(byra), actor=SYSTEM,
            now=mandate.valid_until,
        )  # fmt: skip


def test_second_request_waits_for_the_first(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    terms = terms_of(acme, byra, now=now)
    first = ask_for(terms, chosen, acting=owner_of(byra), now=now)
    with pytest.raises(AlreadyRequestedError):
        ask_for(terms, chosen, acting=owner_of(byra), now=now)

    later = now + 31 * DAY  # it lapsed, whether or not anybody has written that down
    second = ask_for(terms_of(acme, byra, now=later), chosen, acting=owner_of(byra), now=later)

    first.refresh_from_db()
    assert (first.end_reason, first.ended_at) == (Mandate.End.LAPSED, first.answer_by)
    assert second.state_at(later) is MandateState.REQUESTED


# --- The database's own refusals ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": F("valid_until") + DAY},
        {"valid_from": F("valid_from") - DAY},
        {"answer_by": F("answer_by") + DAY},
        {"client_id": F("firm_id"), "firm_id": F("client_id")},
        {"approved_at": None, "approved_by": None},
        {"approved_by": F("requested_by")},
    ],
)
def test_database_refuses_to_change_what_was_agreed(
    acme: Company, byra: Company, chosen: Chosen, now: datetime, change: dict[str, object]
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)

    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.filter(pk=mandate.pk).update(**change)


def test_database_refuses_to_take_an_end_back(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    end_mandate(mandate=mandate, acting=owner_of(acme), actor=SYSTEM, now=now)

    for change in ({"ended_at": None, "end_reason": ""}, {"ended_at": now + DAY}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Mandate.objects.filter(pk=mandate.pk).update(**change)


def test_database_refuses_more_than_two_years(acme: Company, byra: Company, now: datetime) -> None:
    owner = owner_of(byra).user
    with pytest.raises(IntegrityError, match=r"(?i)two_years"), transaction.atomic():
        Mandate.objects.create(
            client=acme, firm=byra, requested_side="firm", requested_by=owner, requested_at=now,
            answer_by=now, valid_from=now, valid_until=now + 732 * DAY,
        )  # fmt: skip


def test_database_refuses_to_widen_and_to_rewrite_a_consent(
    acme: Company, byra: Company, service: Service, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)

    with pytest.raises(IntegrityError), transaction.atomic():
        MandateItem.objects.create(mandate=mandate, service=service, package=Package.SIGN)
    with pytest.raises(IntegrityError), transaction.atomic():
        MandateItem.objects.filter(mandate=mandate).update(package=Package.SIGN)
    with pytest.raises(IntegrityError), transaction.atomic():
        MandateConsent.objects.update(text="annat")
