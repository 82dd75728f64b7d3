"""The firm and its clients: what each lets it do, and who in the firm does the work."""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import translation

from companies.models import Company, Mandate, Membership
from companies.operations import MandateTerms, keep_reviewed, open_review, remind_of_ends
from companies.queries import get_review, list_review_items
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
from vop.demo.people import as_person, get_user
from vop.demo.timeline import Timeline
from vop.demo.world import FIRM, MANDATES, DemoMandate
from vop.lib.clock import add_months, local_date, local_midnight

_METHOD = "pwd"
_ANSWERED = 5


@dataclass(frozen=True)
class _Parties:
    client: Company
    firm: Company

    @property
    def owner(self) -> Membership:
        return Membership.objects.select_related("user").get(pk=self.client.main_contact_id)


def plan_mandates(timeline: Timeline, *, now: datetime) -> None:
    """Let the firm ask, the clients agree the next day, and the firm assign its people."""
    for number, demo in enumerate(MANDATES):
        asked = now - timedelta(days=demo.asked_days_ago, minutes=number)
        timeline.at(asked, functools.partial(_ask, demo))
        if demo.is_approved:
            agreed = asked + timedelta(days=1)
            timeline.at(agreed, functools.partial(_agree, demo))
            for minutes, worker in enumerate(demo.workers, start=1):
                assigned = agreed + timedelta(minutes=minutes)
                timeline.at(assigned, functools.partial(_assign, demo, worker))
    timeline.at(now - timedelta(days=10), _open_review)
    timeline.at(now - timedelta(days=9), _answer_some)
    timeline.at(now - timedelta(hours=1), lambda moment: remind_of_ends(now=moment))


def describe_mandates(*, now: datetime) -> list[dict[str, Any]]:
    """Return the mandates that hold, one row for each service and package."""
    rows = Mandate.objects.in_force(now).with_parties().by_client()
    return [
        {
            "client": mandate.client.org_number,
            "firm": mandate.firm.org_number,
            "service": each.service.slug,
            "package": package.value,
            "valid_until": mandate.valid_until.isoformat(),
        }
        for mandate in rows
        for each in list_covered(mandate)
        for package in each.mightiest
    ]


def _ask(demo: DemoMandate, now: datetime) -> None:
    parties, klara = _find(demo), _member("klara@exempel.se")
    start = local_midnight(local_date(now))
    terms = MandateTerms(
        client=parties.client,
        firm=parties.firm,
        side=Mandate.Side.FIRM,
        valid_from=start,
        valid_until=local_midnight(add_months(local_date(now), 12)),
        lead=_member(demo.lead),
    )
    covered = cover(
        {Service.objects.get(slug=slug): [Package(p) for p in packages]
         for slug, packages in demo.items.items()}
    )  # fmt: skip
    with translation.override("sv"):
        request_mandate(
            terms=terms,
            covered=covered,
            answer=Answer(make_consent(terms, covered, method=_METHOD).sha256, _METHOD),
            acting=klara,
            actor=as_person(klara.user),
            now=now,
        )


def _agree(demo: DemoMandate, now: datetime) -> None:
    parties, mandate = _find(demo), _mandate(demo)
    with translation.override("sv"):
        text = make_consent(describe_terms(mandate), list_covered(mandate), method=_METHOD)
        approve_mandate(
            mandate=mandate,
            answer=Answer(text.sha256, _METHOD),
            acting=parties.owner,
            actor=as_person(parties.owner.user),
            now=now,
        )


def _assign(demo: DemoMandate, worker: str, now: datetime) -> None:
    mandate, klara = _mandate(demo), _member("klara@exempel.se")
    assign_person(
        mandate=mandate,
        membership=_member(worker),
        chosen={each.service: each.packages for each in list_covered(mandate)},
        valid_until=mandate.valid_until,
        acting=klara,
        actor=as_person(klara.user),
        now=now,
    )


def _open_review(now: datetime) -> None:
    open_review(firm=Company.objects.get(org_number=FIRM.org_number), now=now)


def _answer_some(now: datetime) -> None:
    """Confirm the first clients by name: the rest waits for whoever tries the page."""
    klara = _member("klara@exempel.se")
    review = get_review(klara.company_id)
    if review is None:
        return
    items = list(list_review_items(review, None).exclude(user=klara.user)[:_ANSWERED])
    keep_reviewed(review=review, items=items, acting=klara, actor=as_person(klara.user), now=now)


def _find(demo: DemoMandate) -> _Parties:
    numbers = [demo.client.org_number, FIRM.org_number]
    found = {each.org_number: each for each in Company.objects.filter(org_number__in=numbers)}
    return _Parties(*(found[number] for number in numbers))


def _mandate(demo: DemoMandate) -> Mandate:
    return Mandate.objects.with_parties().get(client__org_number=demo.client.org_number)


def _member(email: str) -> Membership:
    found = Membership.objects.select_related("user", "company")
    return found.get(user=get_user(email), company__org_number=FIRM.org_number)
