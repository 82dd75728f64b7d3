"""Telling of renewals to come: no run renews what nobody was told of in time."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from auditlog.actors import Actor
from auditlog.operations import Entry, audit_each
from billing.events import SubscriptionEvent
from billing.models import RenewalNotice
from billing.notifications import send_renewals
from billing.operations.state import lock_companies
from billing.queries import DueNotice, list_due_notices, list_payers_to_tell, list_people_to_tell
from vop.lib.bulk import insert_rows
from vop.lib.clock import local_date
from vop.lib.db import step, use_case

_PAYERS: Final = 100  # in one transaction
_COLUMNS: Final = [
    "subscription_id", "renews_on", "days_ahead", "quantity", "net_cents", "told", "sent_at",
]  # fmt: skip


def tell_renewals(*, actor: Actor, now: datetime, through: date | None = None) -> int:
    """Send every notice that has come due today, and return how many.

    `through` is a later day that is to be billed already: all that renews by then is told of.
    """
    day = max(local_date(now), through or date.min)
    payers = list_payers_to_tell(day)
    return sum(
        tell_payers(payer_ids=payers[first : first + _PAYERS], day=day, actor=actor, now=now)
        for first in range(0, len(payers), _PAYERS)
    )


@use_case
def tell_payers(*, payer_ids: Sequence[uuid.UUID], day: date, actor: Actor, now: datetime) -> int:
    """Send the notices of what some companies pay for; the mail and its row are one.

    Two at once send each notice once: the payers are locked before anybody looks.
    """
    payers = lock_companies(*payer_ids)
    notices = list_due_notices(payers, day=day, at=now)
    told: dict[DueNotice, set[uuid.UUID]] = {}
    for reader_id, mine in _by_reader(notices).items():
        for person in list_people_to_tell(reader_id, at=now):
            send_renewals(person, reader_id, mine, today=local_date(now))
            for notice in mine:
                told.setdefault(notice, set()).add(person.pk)
    _note(told, actor=actor, now=now)
    return len(told)


def _by_reader(notices: Sequence[DueNotice]) -> dict[uuid.UUID, list[DueNotice]]:
    """Say which notices each company reads: of its own subscriptions, and of those it pays."""
    readers: dict[uuid.UUID, list[DueNotice]] = {}
    for notice in notices:
        row = notice.subscription
        for reader_id in {row.company_id, row.payer_id}:
            readers.setdefault(reader_id, []).append(notice)
    return dict(sorted(readers.items()))


@step
def _note(told: dict[DueNotice, set[uuid.UUID]], *, actor: Actor, now: datetime) -> None:
    """Keep what was sent to whom, and tell it in the companies' logs."""
    insert_rows(
        RenewalNotice,
        _COLUMNS,
        [
            (
                one.subscription.pk,
                one.renews_on,
                one.days_ahead,
                one.quantity,
                one.net_cents,
                sorted(map(str, people)),
                now,
            )
            for one, people in told.items()
        ],
    )
    entries = [
        Entry(
            company=one.subscription.company.ref,
            target=one.subscription.ref,
            data={
                "renews_on": str(one.renews_on),
                "days_ahead": one.days_ahead,
                "net_cents": one.net_cents,
            },
            also_visible_to=(one.subscription.payer_id,),
        )
        for one in told
    ]
    audit_each(SubscriptionEvent.RENEWAL_TOLD, entries, actor=actor, now=now)
