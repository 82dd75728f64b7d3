"""The mails of billing."""

from datetime import date

from django.urls import reverse

from accounts.models import User
from billing.models import Order
from billing.queries import OrderPreview
from vop.lib.mail import enqueue_mail


def send_order_confirmation(order: Order, preview: OrderPreview) -> None:
    """Confirm a purchase to the one who made it."""
    enqueue_mail(
        to=order.placed_by.email,
        template="billing/order_confirmation",
        language=order.placed_by.language,
        key=f"order-confirmation:{order.pk}",
        context={
            "order": order,
            "preview": preview,
            "path": reverse("billing:subscriptions", args=[order.company_id]),
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
