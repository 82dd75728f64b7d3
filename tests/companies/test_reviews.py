"""The quarterly access review: opened once, answered by others, and what nobody confirms ends."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from companies.models import (
    AccessReview,
    Assignment,
    Company,
    Mandate,
    Membership,
    ReviewItem,
    Role,
)
from companies.operations import (
    NotAllowedError,
    OwnReviewError,
    ReviewOverError,
    close_due_reviews,
    end_assignment,
    end_reviewed,
    keep_reviewed,
    open_reviews,
    remind_of_reviews,
)
from services.access import Access, effective_access
from services.models import Package, Service
from tests.companies.pages import deliver
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.mandates import assign, make_mandate, owner_of
from tests.factories.services import entitle, make_service

SignIn = Callable[[User], Client]
DAY = timedelta(days=1)
READ = [Package.READ]


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def leif(byra: Company) -> Membership:
    user = make_user(email="leif@exempel.se", full_name="Leif Lead")
    return join_company(byra, user, Role.ENGAGEMENT_LEAD)


@pytest.fixture
def moa(byra: Company) -> Membership:
    return join_company(byra, make_user(email="moa@exempel.se", full_name="Moa Matt"), Role.MEMBER)


@pytest.fixture
def mandate(
    acme: Company, byra: Company, service: Service, leif: Membership, now: datetime
) -> Mandate:
    """Leif leads it, and so is assigned; so is Moa below."""
    entitle(acme, service)
    return make_mandate(acme, byra, {service: READ}, now=now - DAY, lead=leif)


@pytest.fixture
def moas(mandate: Mandate, moa: Membership, service: Service, now: datetime) -> Assignment:
    return assign(mandate, moa, {service: READ}, now=now - DAY)


@pytest.fixture
def review(moas: Assignment, now: datetime) -> AccessReview:
    assert open_reviews(now=now) == 1
    deliver()
    return AccessReview.objects.select_related("firm").get()


def item_of(member: Membership) -> ReviewItem:
    return ReviewItem.objects.get(user=member.user)


def answer(
    review: AccessReview, member: Membership, acting: Membership, now: datetime, decide: object
) -> int:
    assert callable(decide)
    done: int = decide(review=review, items=[item_of(member)], acting=acting, actor=SYSTEM, now=now)
    return done


def can(member: Membership, company: Company, service: Service, at: datetime) -> bool:
    return isinstance(effective_access(member.user, company, service, at), Access)


def test_review_opens_once_a_quarter_with_every_assignment(
    byra: Company, moas: Assignment, now: datetime
) -> None:
    deliver()
    assert (open_reviews(now=now), open_reviews(now=now + DAY)) == (1, 0)

    review = AccessReview.objects.get()
    assert (review.firm, review.quarter) == (byra, date(2026, 10, 1))
    assert review.last_day == date(2026, 12, 22)
    assert review.items.count() == 2
    assert Event.objects.get(action="review.opened").personal.target_label == "2026 Q4"
    mails = deliver()
    assert sorted(mail.to[0] for mail in mails) == ["berit@exempel.se", "leif@exempel.se"]
    assert "2026-12-22" in str(mails[0].body) or "22 december" in str(mails[0].body)
    assert open_reviews(now=datetime(2027, 1, 1, 6, tzinfo=UTC)) == 0  # the other is still open
    close_due_reviews(now=review.due_at)
    assert open_reviews(now=datetime(2027, 1, 1, 6, tzinfo=UTC)) == 0  # nobody is left in it


def test_what_nobody_confirms_ends_when_it_is_due(
    acme: Company,
    byra: Company,
    review: AccessReview,
    moa: Membership,
    leif: Membership,
    service: Service,
    now: datetime,
) -> None:
    assert answer(review, moa, owner_of(byra), now, keep_reviewed) == 1
    assert close_due_reviews(now=review.due_at - timedelta(seconds=1)) == 0
    deliver()

    assert close_due_reviews(now=review.due_at) == 1

    assert can(moa, acme, service, review.due_at)
    assert not can(leif, acme, service, review.due_at)
    review.refresh_from_db()
    assert review.closed_at == review.due_at
    assert [item_of(each).decision for each in (moa, leif)] == ["kept", "lapsed"]
    ended = Event.objects.get(action="assignment.ended")
    assert ended.data["reason"] == "not_reviewed"
    assert {row.company_id for row in ended.audience.all()} == {acme.pk, byra.pk}
    assert Event.objects.filter(action="review.closed").exists()
    mails = deliver()
    assert {mail.to[0] for mail in mails} == {"berit@exempel.se", "leif@exempel.se"}
    assert close_due_reviews(now=review.due_at + DAY) == 0
    with pytest.raises(ReviewOverError):
        answer(review, leif, owner_of(byra), review.due_at, keep_reviewed)


def test_lead_answers_for_own_clients_and_nobody_for_themselves(
    byra: Company,
    other: Company,
    review: AccessReview,
    moa: Membership,
    leif: Membership,
    service: Service,
    now: datetime,
) -> None:
    with pytest.raises(OwnReviewError):
        answer(review, leif, leif, now, keep_reviewed)
    with pytest.raises(NotAllowedError):
        answer(review, leif, moa, now, keep_reviewed)
    second = join_company(byra, make_user(email="lo@exempel.se"), Role.ENGAGEMENT_LEAD)
    with pytest.raises(NotAllowedError):
        answer(review, moa, second, now, keep_reviewed)
    with pytest.raises(NotAllowedError):
        answer(review, moa, owner_of(other), now, end_reviewed)
    assert answer(review, moa, leif, now, keep_reviewed) == 1
    assert answer(review, moa, leif, now, keep_reviewed) == 0  # once is enough
    kept = Event.objects.get(action="review.kept")
    assert byra.pk in {row.company_id for row in kept.audience.all()}
    with pytest.raises(IntegrityError, match=r"(?i)nobody_confirms"), transaction.atomic():
        ReviewItem.objects.filter(user=leif.user).update(
            decision="kept", decided_by=leif.user, decided_at=now
        )


def test_ending_in_the_review_holds_at_once(
    acme: Company,
    byra: Company,
    review: AccessReview,
    moa: Membership,
    service: Service,
    now: datetime,
) -> None:
    assert answer(review, moa, owner_of(byra), now, end_reviewed) == 1

    assert not can(moa, acme, service, now)
    assert item_of(moa).decision == "ended"


def test_what_ended_meanwhile_asks_nobody(
    byra: Company, review: AccessReview, moas: Assignment, moa: Membership, now: datetime
) -> None:
    end_assignment(assignment=moas, acting=owner_of(byra), actor=SYSTEM, now=now)

    assert answer(review, moa, owner_of(byra), now, keep_reviewed) == 0
    close_due_reviews(now=review.due_at)
    assert item_of(moa).decision == "gone"


def test_reminders_come_14_and_3_days_ahead_once(
    byra: Company, review: AccessReview, moa: Membership, leif: Membership, now: datetime
) -> None:
    due = review.due_at
    found = []
    for days in (15, 14, 13, 3, 2):
        remind_of_reviews(now=due - days * DAY)
        found.append(len(deliver()))
    assert found == [0, 2, 0, 2, 0]
    assert Event.objects.filter(action="review.reminded").count() == 2


def test_nothing_is_said_once_all_is_answered(
    byra: Company, review: AccessReview, moa: Membership, leif: Membership, now: datetime
) -> None:
    for member in (moa, leif):
        answer(review, member, owner_of(byra), now, keep_reviewed)

    remind_of_reviews(now=review.due_at - 3 * DAY)

    assert deliver() == []


def test_firm_of_one_person_is_not_shut_out_of_its_clients(
    acme: Company, byra: Company, service: Service, now: datetime
) -> None:
    """Nobody else could confirm it: the client let that person in by name."""
    entitle(acme, service)
    make_mandate(acme, byra, {service: READ}, now=now - DAY, lead=owner_of(byra))

    assert open_reviews(now=now) == 0


def test_page_shows_how_far_it_is_and_takes_answers(
    byra: Company, mandate: Mandate, moa: Membership, service: Service, sign_in: SignIn
) -> None:
    today = timezone.now()
    browser = sign_in(owner_of(byra).user)
    address = f"/c/{byra.pk}/clients/review/"
    assert "Ingen genomgång" in browser.get(address).content.decode()
    assert browser.post(f"{address}keep/").status_code == 404
    Mandate.objects.update(settled_at=None)
    assign(mandate, moa, {service: READ}, now=today)
    open_reviews(now=today)

    page = browser.get(address).content.decode()
    assert "Moa Matt" in page
    assert "0 av 2" in page
    answered = browser.post(
        f"{address}keep/", {"item": [str(item_of(moa).pk), "nonsense"]}, follow=True
    )
    assert "1 av 2" in answered.content.decode()
    assert "Moa Matt" not in answered.content.decode()
    assert "Moa Matt" in browser.get(f"{address}?show=all").content.decode()


def test_refused_answer_keeps_the_ticks_and_says_what_is_missing(
    byra: Company, review: AccessReview, leif: Membership, moa: Membership, sign_in: SignIn
) -> None:
    browser = sign_in(leif.user)
    address = f"/c/{byra.pk}/clients/review/"

    none = browser.post(f"{address}end/?show=all", follow=True)
    ticked = {"item": [str(item_of(member).pk) for member in (leif, moa)]}
    own = browser.post(f"{address}keep/?show=all", ticked, follow=True)

    assert none.redirect_chain == [(f"{address}?show=all", 307)]
    assert (none.status_code, own.status_code) == (422, 422)
    assert "Markera minst ett uppdrag" in none.content.decode()
    assert str(OwnReviewError.message) in own.content.decode()
    assert [row["is_ticked"] for row in own.context["rows"]] == [True, True]


def test_lead_sees_only_own_clients_in_the_review(
    byra: Company,
    other: Company,
    mandate: Mandate,
    moa: Membership,
    leif: Membership,
    service: Service,
    now: datetime,
    sign_in: SignIn,
) -> None:
    foreign = make_mandate(other, byra, {service: READ}, now=now)
    assign(foreign, moa, {service: READ}, now=now)
    open_reviews(now=now)
    browser = sign_in(leif.user)

    page = browser.get(f"/c/{byra.pk}/clients/review/?show=all").content.decode()

    assert "Acme AB" in page
    assert "Other AB" not in page


@pytest.mark.django_db(transaction=True)
def test_answer_and_end_of_the_review_take_turns() -> None:
    """Whichever comes first: what was confirmed stands, what wasn't has ended."""
    anna = make_user(email="anna@exempel.se")
    acme = make_company(name="Race AB", owner=anna, org_number="5560160680")
    berit = make_user(email="berit@exempel.se")
    byra = make_company(
        name="Byrån AB", owner=berit, org_number="5590000302", firm_kind="accounting"
    )
    service = make_service()
    entitle(acme, service)
    start = datetime.now(UTC) - timedelta(days=31)
    mandate = make_mandate(acme, byra, {service: READ}, now=start)
    moa = join_company(byra, make_user(email="moa@exempel.se"), Role.MEMBER)
    assign(mandate, moa, {service: READ}, now=start)
    open_reviews(now=start)
    review = AccessReview.objects.get()
    before = review.due_at - timedelta(seconds=1)

    outcomes = at_once(
        lambda: answer(review, moa, owner_of(byra), before, keep_reviewed),
        lambda: close_due_reviews(now=review.due_at),
        lambda: close_due_reviews(now=review.due_at),
    )

    item = item_of(moa)
    stands = Assignment.objects.get().ended_at is None
    assert (item.decision, stands) in {("kept", True), ("lapsed", False)}
    assert outcomes.count("done") >= 2
    assert Event.objects.filter(action="review.closed").count() == 1
