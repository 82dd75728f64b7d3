"""The mails of billing."""

from django.urls import reverse

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
