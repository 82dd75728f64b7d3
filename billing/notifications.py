"""The mails of billing."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.urls import reverse

from accounts.models import User
from billing.models import Order, Plan, Subscription, SubscriptionChange
from billing.queries import DueNotice, OrderPreview, PlanPreview, Reader, SeatPreview
from companies.models import Company
from vop.lib.mail import enqueue_mail

_NAMED: Final = 50  # in one mail: a firm may pay for hundreds of clients


def send_order_confirmation(order: Order, preview: OrderPreview, readers: Sequence[Reader]) -> None:
    """Confirm a purchase to the one who made it, and to who looks after what it costs."""
    for reader in readers:
        _send_change(
            "order_confirmation",
            order.subscription,
            reader,
            key=f"order-confirmation:{order.pk}:{reader.person.pk}",
            context={
                "order": order,
                "preview": preview,
                "is_buyer": reader.person.pk == order.placed_by_id,
            },
        )


def send_seats_changed(
    change: SubscriptionChange, preview: SeatPreview, readers: Sequence[Reader], *, doer: str
) -> None:
    """Confirm another number of seats, and what it costs."""
    before, after = change.payload["from"], change.payload["to"]
    for reader in readers:
        _send_change(
            "seats_changed",
            change.subscription,
            reader,
            key=f"seats-changed:{change.pk}:{reader.person.pk}",
            context={"doer": doer, "before": before, "after": after, "preview": preview},
        )


def send_plan_changed(
    change: SubscriptionChange,
    before: Plan,
    preview: PlanPreview,
    readers: Sequence[Reader],
    *,
    doer: str,
) -> None:
    """Confirm another plan: when it begins, and what it costs."""
    for reader in readers:
        _send_change(
            "plan_changed",
            change.subscription,
            reader,
            key=f"plan-changed:{change.pk}:{reader.person.pk}",
            context={
                "doer": doer,
                "before": before,
                "is_taken_back": before.pk == preview.plan.pk,
                "preview": preview,
            },
        )


def send_cancelled(change: SubscriptionChange, readers: Sequence[Reader], *, doer: str) -> None:
    """Confirm a cancellation: the last day, and that it can be undone."""
    last = change.subscription.cancel_on
    is_over = last is not None and last <= change.effective_on
    for reader in readers:
        _send_change(
            "cancelled",
            change.subscription,
            reader,
            key=f"cancelled:{change.pk}:{reader.person.pk}",
            context={"doer": doer, "is_over": is_over},
        )


def send_cancellation_undone(
    change: SubscriptionChange, readers: Sequence[Reader], *, doer: str
) -> None:
    """Confirm that a subscription goes on after all."""
    for reader in readers:
        _send_change(
            "cancellation_undone",
            change.subscription,
            reader,
            key=f"cancellation-undone:{change.pk}:{reader.person.pk}",
            context={"doer": doer},
        )


def _send_change(
    template: str,
    subscription: Subscription,
    reader: Reader,
    *,
    key: str,
    context: Mapping[str, Any],
) -> None:
    """Send a mail about a subscription; it leads to the page that the reader may open."""
    company = subscription.company
    is_own = reader.company.pk == company.pk
    enqueue_mail(
        to=reader.person.email,
        template=f"billing/{template}",
        language=reader.person.language,
        key=key,
        context={
            **context,
            "name": reader.person.get_short_name(),
            "company": company,
            "subscription": subscription,
            "plan": subscription.plan,
            "is_own": is_own,
            "path": reverse(
                "billing:subscriptions" if is_own else "billing:bases", args=[reader.company.pk]
            ),
        },
    )


def send_renewals(
    person: User, reader_id: uuid.UUID, notices: Sequence[DueNotice], *, today: date
) -> None:
    """Tell somebody, once a day and company, which subscriptions renew, when and for how much."""
    own = [one.subscription.company for one in notices if one.subscription.company_id == reader_id]
    payer = notices[0].subscription.payer
    page = "billing:subscriptions" if own else "billing:bases"
    enqueue_mail(
        to=person.email,
        template="billing/renewals",
        language=person.language,
        key=f"renewals:{today}:{reader_id}:{person.pk}:{notices[0].subscription.pk}",
        context={
            "name": person.get_short_name(),
            "company": (own[0] if own else payer).name,
            "reader_id": reader_id,
            "notices": notices[:_NAMED],
            "count": len(notices),
            "more": len(notices[_NAMED:]),
            "first": min(one.renews_on for one in notices),
            "is_own": bool(own),
            "path": reverse(page, args=[reader_id]),
        },
    )


def send_payer_changed(
    subscription: Subscription, *, former: Company, change_id: uuid.UUID
) -> None:
    """Tell the main contacts of the company, and of who paid and who pays, that this changed."""
    companies = {one.pk: one for one in (subscription.company, former, subscription.payer)}
    for company in companies.values():
        contact = company.main_contact
        is_own = company.pk == subscription.company_id
        page = "billing:subscriptions" if is_own else "billing:payments"
        enqueue_mail(
            to=contact.user.email,
            template="billing/payer_changed",
            language=contact.user.language,
            key=f"payer-changed:{change_id}:{company.pk}",
            context={
                "company": company,
                "subscription": subscription,
                "payer": subscription.payer,
                "path": reverse(page, args=[company.pk]),
            },
        )


def send_late_run(person: User, *, since: date, today: date) -> None:
    """Tell somebody who works with billing that a run is late, once a day."""
    enqueue_mail(
        to=person.email,
        template="billing/run_late",
        language=person.language,
        key=f"run-late:{today}:{person.pk}",
        context={"since": since, "path": reverse("admin:billing_billingrun_changelist")},
    )


def send_deliveries_given_up(person: User, *, count: int, today: date) -> None:
    """Tell somebody who works with billing that bases don't reach the accounts, once a day."""
    page = reverse("admin:billing_basisdelivery_changelist")
    enqueue_mail(
        to=person.email,
        template="billing/deliveries_given_up",
        language=person.language,
        key=f"deliveries-given-up:{today}:{person.pk}",
        context={"count": count, "path": f"{page}?given_up_at__isempty=0"},
    )
