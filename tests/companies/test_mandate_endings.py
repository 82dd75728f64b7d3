"""Every way in which a mandate ends, what is told before, and who takes over."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from auditlog.models import Event
from companies.models import Company, Mandate, MandateState, Membership, Role
from companies.operations import (
    EndDateError,
    MandateGoneError,
    MandateTerms,
    NotAllowedError,
    NotReplaceableError,
    Replacement,
    StartLaterError,
    decline_mandate,
    end_mandate,
    remind_of_ends,
    settle_overdue,
    withdraw_mandate,
)
from companies.signals import firm_replaced, mandate_ended
from services.models import Package, Service
from services.operations import (
    approve_mandate,
)
from tests.companies.pages import deliver
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.mandates import (
    approve,
    ask_for,
    make_mandate,
    owner_of,
    read_text,
    terms_of,
)
from tests.factories.services import make_service
from vop.lib.clock import local_date, local_midnight

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


def test_request_is_declined_or_withdrawn_once(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    terms = terms_of(acme, byra, now=now)
    first = ask_for(terms, chosen, acting=owner_of(byra), now=now)
    decline_mandate(mandate=first, acting=owner_of(acme), actor=SYSTEM, now=now)
    with pytest.raises(MandateGoneError):
        approve(first, now=now)
    second = ask_for(terms, chosen, acting=owner_of(byra), now=now)
    with pytest.raises(NotAllowedError):
        withdraw_mandate(mandate=second, acting=owner_of(acme), actor=SYSTEM, now=now)
    withdraw_mandate(mandate=second, acting=owner_of(byra), actor=SYSTEM, now=now)
    with pytest.raises(MandateGoneError):
        decline_mandate(mandate=second, acting=owner_of(acme), actor=SYSTEM, now=now)

    assert actions()[1::2] == ["mandate.declined", "mandate.withdrawn"]


def test_request_for_days_that_have_passed_is_not_agreed_to(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    start = local_midnight(local_date(now))
    terms = MandateTerms(acme, byra, Mandate.Side.FIRM, start, start + 10 * DAY)
    mandate = ask_for(terms, chosen, acting=owner_of(byra), now=now)

    with pytest.raises(MandateGoneError):
        approve(mandate, now=start + 10 * DAY)


def test_request_lapses_after_30_days(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = ask_for(terms_of(acme, byra, now=now), chosen, acting=owner_of(byra), now=now)
    assert settle_overdue(now=now + 29 * DAY) == 0
    with pytest.raises(MandateGoneError):
        approve(mandate, now=now + 30 * DAY)

    assert settle_overdue(now=now + 30 * DAY) == 1
    assert settle_overdue(now=now + 31 * DAY) == 0

    mandate.refresh_from_db()
    assert mandate.end_reason == Mandate.End.LAPSED
    assert actions()[-1] == "mandate.lapsed"


@pytest.mark.parametrize(
    ("side", "reason"), [("client", "ended_by_client"), ("firm", "ended_by_firm")]
)
def test_either_side_ends_at_once(
    acme: Company, byra: Company, chosen: Chosen, now: datetime, side: str, reason: str
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    company, role = (acme, Role.ADMIN) if side == "client" else (byra, Role.CLIENT_ADMIN)
    acting = join_company(company, make_user(email="nils@exempel.se"), role)
    heard: list[Mandate] = []

    def hear(mandate: Mandate, **kwargs: object) -> None:
        heard.append(mandate)

    mandate_ended.connect(hear, weak=False)
    try:
        ended = end_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now + DAY)
    finally:
        mandate_ended.disconnect(hear)

    assert (ended.end_reason, ended.ended_at) == (reason, now + DAY)
    assert heard == [mandate]
    assert not Mandate.objects.in_force(now + DAY).exists()
    assert Mandate.objects.in_force(now + DAY / 2).exists()
    with pytest.raises(MandateGoneError):
        end_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now + DAY)


def test_outsider_ends_nothing(
    acme: Company, byra: Company, other: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    lead = join_company(byra, make_user(email="leif@byra.se"), Role.ENGAGEMENT_LEAD)

    for acting in (owner_of(other), lead):
        with pytest.raises(NotAllowedError):
            end_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now)


def test_mandate_can_end_on_a_later_day_but_not_after_its_own(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    acting = owner_of(acme)
    with pytest.raises(EndDateError):
        end_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now, at=mandate.valid_until)
    end_mandate(mandate=mandate, acting=acting, actor=SYSTEM, now=now, at=now + 10 * DAY)

    assert Mandate.objects.in_force(now + 9 * DAY).exists()
    assert settle_overdue(now=now + 9 * DAY) == 0
    assert settle_overdue(now=now + 10 * DAY) == 1
    end = Mandate.objects.get()
    assert (end.end_reason, end.settled_at) == ("ended_by_client", now + 10 * DAY)


def test_mandate_runs_out_by_itself(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    assert not Mandate.objects.in_force(mandate.valid_until).exists()

    assert settle_overdue(now=mandate.valid_until + DAY) == 1

    mandate.refresh_from_db()
    assert (mandate.ended_at, mandate.end_reason) == (mandate.valid_until, Mandate.End.EXPIRED)
    make_mandate(acme, byra, chosen, now=mandate.valid_until + DAY)


def test_new_mandate_takes_the_place_of_the_old_one(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    with pytest.raises(StartLaterError):
        ask_for(
            terms_of(acme, byra, now=now, starts=local_midnight((now + 5 * DAY).date())),
            chosen,
            acting=owner_of(byra),
            now=now,
        )
    later = now + 300 * DAY
    new = ask_for(terms_of(acme, byra, now=later), chosen, acting=owner_of(byra), now=later)
    assert Mandate.objects.in_force(later).get() == old

    approve(new, now=later)

    assert Mandate.objects.in_force(later).get() == new
    old.refresh_from_db()
    assert (old.end_reason, old.settled_at) == (Mandate.End.SUPERSEDED, later)
    assert Mandate.objects.in_force(later - DAY).get() == old


def test_old_mandate_that_just_ran_out_makes_room(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    before = old.valid_until - DAY
    new = ask_for(terms_of(acme, byra, now=before), chosen, acting=owner_of(byra), now=before)

    approve(new, now=old.valid_until + DAY)  # nobody has settled the old one

    old.refresh_from_db()
    assert (old.end_reason, old.ended_at) == (Mandate.End.EXPIRED, old.valid_until)


def test_closing_a_party_freezes_the_mandate(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    Company.objects.filter(pk=byra.pk).update(closed_at=now + DAY)
    mandate = Mandate.objects.with_parties().get(pk=mandate.pk)

    assert mandate.state_at(now) is MandateState.ACTIVE
    assert mandate.state_at(now + DAY) is MandateState.FROZEN
    assert Mandate.objects.in_force(now).exists()
    assert not Mandate.objects.in_force(now + DAY).exists()


# --- Another firm takes over ----------------------------------------------------------------------


@pytest.fixture
def heirs_firm(db: None) -> Company:
    owner = make_user(email="nina@nya.se", full_name="Nina Ny")
    return make_company(
        name="Nya byrån AB", owner=owner, org_number="5590000500", firm_kind="accounting"
    )


@pytest.fixture
def replaced() -> "Callable[[], list[tuple[Mandate, Mandate, datetime]]]":
    heard: list[tuple[Mandate, Mandate, datetime]] = []

    def hear(old: Mandate, new: Mandate, now: datetime, **kwargs: object) -> None:
        heard.append((old, new, now))

    firm_replaced.connect(hear, weak=False)
    return lambda: heard


def replace(
    heir: Mandate, old: Mandate, *, at: datetime, now: datetime, acting: Membership
) -> None:
    approve_mandate(
        mandate=heir,
        answer=read_text(heir),
        acting=acting,
        replacement=Replacement(old, at),
        actor=SYSTEM,
        now=now,
    )


def test_another_firm_takes_over_after_an_overlap(
    acme: Company,
    byra: Company,
    heirs_firm: Company,
    chosen: Chosen,
    now: datetime,
    replaced: Callable[[], list[tuple[Mandate, Mandate, datetime]]],
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    terms = terms_of(acme, heirs_firm, now=now)
    heir = ask_for(terms, chosen, acting=owner_of(heirs_firm), now=now)
    replace(heir, old, at=now + 10 * DAY, now=now, acting=owner_of(acme))

    assert set(Mandate.objects.in_force(now + 9 * DAY)) == {old, heir}
    assert replaced() == []
    assert settle_overdue(now=now + 10 * DAY) == 1
    assert set(Mandate.objects.in_force(now + 10 * DAY)) == {heir}
    assert replaced() == [(old, heir, now + 10 * DAY)]
    old.refresh_from_db()
    assert old.end_reason == Mandate.End.REPLACED


def test_another_firm_takes_over_at_once(
    acme: Company,
    byra: Company,
    heirs_firm: Company,
    chosen: Chosen,
    now: datetime,
    replaced: Callable[[], list[tuple[Mandate, Mandate, datetime]]],
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    heir = ask_for(
        terms_of(acme, heirs_firm, now=now), chosen, acting=owner_of(heirs_firm), now=now
    )
    replace(heir, old, at=now, now=now, acting=owner_of(acme))

    assert Mandate.objects.in_force(now).get() == heir
    assert replaced() == [(old, heir, now)]


def test_firm_that_leaves_before_the_overlap_is_over_is_still_replaced(
    acme: Company,
    byra: Company,
    heirs_firm: Company,
    chosen: Chosen,
    now: datetime,
    replaced: Callable[[], list[tuple[Mandate, Mandate, datetime]]],
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    terms = terms_of(acme, heirs_firm, now=now)
    heir = ask_for(terms, chosen, acting=owner_of(heirs_firm), now=now)
    replace(heir, old, at=now + 10 * DAY, now=now, acting=owner_of(acme))

    ended = end_mandate(mandate=old, acting=owner_of(byra), actor=SYSTEM, now=now + 3 * DAY)

    assert (ended.end_reason, ended.ended_at) == (Mandate.End.REPLACED, now + 3 * DAY)
    assert replaced() == [(old, heir, now + 3 * DAY)]  # who pays changes that day


def test_firm_that_begins_later_takes_over_when_it_begins(
    acme: Company, byra: Company, heirs_firm: Company, chosen: Chosen, now: datetime
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    start = local_midnight(local_date(now) + 20 * DAY)
    terms = terms_of(acme, heirs_firm, now=now, starts=start)
    heir = ask_for(terms, chosen, acting=owner_of(heirs_firm), now=now)

    replace(heir, old, at=now, now=now, acting=owner_of(acme))

    assert Mandate.objects.in_force(start - DAY).get() == old
    assert Mandate.objects.in_force(start).get() == heir


def test_mandate_gives_way_once(
    acme: Company, byra: Company, heirs_firm: Company, chosen: Chosen, now: datetime
) -> None:
    old = make_mandate(acme, byra, chosen, now=now)
    heir = ask_for(
        terms_of(acme, heirs_firm, now=now), chosen, acting=owner_of(heirs_firm), now=now
    )
    replace(heir, old, at=now + 10 * DAY, now=now, acting=owner_of(acme))
    owner = make_user(email="third@exempel.se")
    third = make_company(
        name="Tredje byrån AB", owner=owner, org_number="5590000401", firm_kind="accounting"
    )
    late = ask_for(terms_of(acme, third, now=now), chosen, acting=owner_of(third), now=now)

    with pytest.raises(NotReplaceableError):
        replace(late, old, at=now + 10 * DAY, now=now, acting=owner_of(acme))


def test_only_a_standing_mandate_of_the_same_client_gives_way(
    acme: Company,
    other: Company,
    byra: Company,
    heirs_firm: Company,
    chosen: Chosen,
    now: datetime,
) -> None:
    foreign = make_mandate(other, byra, chosen, now=now)
    old = make_mandate(acme, byra, chosen, now=now)
    heir = ask_for(
        terms_of(acme, heirs_firm, now=now), chosen, acting=owner_of(heirs_firm), now=now
    )
    with pytest.raises(NotReplaceableError):
        replace(heir, foreign, at=now, now=now, acting=owner_of(acme))
    with pytest.raises(EndDateError):
        replace(heir, old, at=old.valid_until + DAY, now=now, acting=owner_of(acme))
    withdraw_mandate(mandate=heir, acting=owner_of(heirs_firm), actor=SYSTEM, now=now)
    terms = terms_of(acme, heirs_firm, now=now, months=1)
    heir = ask_for(terms, chosen, acting=owner_of(heirs_firm), now=now)
    with pytest.raises(EndDateError):  # the other would go on when its heir is over
        replace(heir, old, at=heir.valid_until + DAY, now=now, acting=owner_of(acme))
    end_mandate(mandate=old, acting=owner_of(byra), actor=SYSTEM, now=now)
    with pytest.raises(NotReplaceableError):
        replace(heir, old, at=now, now=now, acting=owner_of(acme))


# --- Reminders ------------------------------------------------------------------------------------


def test_both_sides_are_reminded_a_month_and_a_week_before_the_end_once_each(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    deliver()
    counts = []
    for days in (31, 30, 29, 8, 7, 6):
        at = mandate.valid_until - days * DAY
        counts.append(remind_of_ends(now=at))
        remind_of_ends(now=at)

    assert counts == [0, 1, 0, 0, 1, 0]
    assert (
        sorted(mail.to[0] for mail in deliver())
        == ["alice@exempel.se"] * 2 + ["berit@exempel.se"] * 2
    )
    assert actions().count("mandate.expiry_warned") == 2


def test_reminder_that_comes_late_says_only_what_is_near(
    acme: Company, byra: Company, chosen: Chosen, now: datetime
) -> None:
    mandate = make_mandate(acme, byra, chosen, now=now)
    at = mandate.valid_until - 3 * DAY

    assert remind_of_ends(now=at) == 1
    assert remind_of_ends(now=at) == 0


def test_mandate_that_ends_or_was_always_short_is_not_reminded_of(
    acme: Company, byra: Company, other: Company, chosen: Chosen, now: datetime
) -> None:
    ended = make_mandate(acme, byra, chosen, now=now)
    end_mandate(
        mandate=ended,
        acting=owner_of(acme),
        actor=SYSTEM,
        now=now,
        at=ended.valid_until - 1 * DAY,
    )
    terms = terms_of(other, byra, now=now)
    short = ask_for(terms, chosen, acting=owner_of(byra), now=now)
    agreed = now + 29 * DAY
    assert short.answer_by > agreed

    assert remind_of_ends(now=ended.valid_until - 5 * DAY) == 0
