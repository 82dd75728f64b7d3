import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing import engine
from billing.access import get_subscription_for
from billing.forms import ConfirmSeatsForm, SeatsForm
from billing.models import Subscription
from billing.operations import (
    CancelledAlreadyError,
    CannotBePricedError,
    NotCancelledYetError,
    PreviewChangedError,
    SeatsTakenError,
    SeatsUnchangedError,
    SubscriptionOverError,
    cancel_subscription,
    change_seats,
    check_seats,
    undo_cancellation,
)
from billing.queries import count_taken_seats, list_subscription_rows, preview_seats
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from vop.lib.errors import DomainError

SUBSCRIPTIONS_PER_PAGE = 25

SEAT_REFUSALS = (
    SubscriptionOverError,
    SeatsUnchangedError,
    SeatsTakenError,
    CannotBePricedError,
)


@require_safe
@company_page(Permission.BILLING_VIEW)
def subscriptions(request: CompanyRequest) -> HttpResponse:
    """List what the company subscribes to: what it costs next, and when."""
    rows = list_subscription_rows(request.company, at=request.now)
    context = {
        "company": request.company,
        "page_obj": Paginator(rows, SUBSCRIPTIONS_PER_PAGE).get_page(request.GET.get("page")),
        "may_order": Permission.ORDER_CREATE in request.permissions,
    }
    return render(request, "billing/subscriptions.html", context)


@company_page(Permission.ORDER_CREATE)
def seats(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Ask for another number of seats; then show what it costs."""
    subscription = get_subscription_for(request.company, subscription_id)
    if request.method != "POST":
        return _render_form(
            request, subscription, SeatsForm(initial={"quantity": subscription.quantity})
        )
    form = SeatsForm(request.POST)
    if not form.is_valid():
        return _render_form(request, subscription, form)
    if "preview_sha256" in request.POST:  # back from the preview: shown as it was filled in
        return _render_form(request, subscription, form, status=200)
    return _render_preview(request, subscription, form)


@require_safe
@company_page(Permission.ORDER_CREATE)
def unused_seats(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Show what giving up every seat that nobody has brings; the confirmation does it."""
    subscription = get_subscription_for(request.company, subscription_id)
    taken = count_taken_seats(subscription, at=request.now)
    form = SeatsForm({"quantity": max(1, taken)})
    return _render_preview(request, subscription, form, taken=taken)


@require_POST
@company_page(Permission.ORDER_CREATE)
def confirm_seats(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Change the seats as the preview showed."""
    subscription = get_subscription_for(request.company, subscription_id)
    form = ConfirmSeatsForm(request.POST)
    if not form.is_valid():
        return _render_form(request, subscription, SeatsForm(request.POST))
    try:
        change_seats(
            subscription=subscription, **form.cleaned_data, actor=request.actor, now=request.now
        )
    except PreviewChangedError as error:
        return _render_preview(request, subscription, SeatsForm(request.POST), error=error)
    except (
        SubscriptionOverError,
        SeatsUnchangedError,
        SeatsTakenError,
        CannotBePricedError,
    ) as error:
        return _render_form(request, subscription, SeatsForm(request.POST), error=error)
    messages.success(request, _("The number of seats is changed."))
    return redirect("billing:subscriptions", request.company.pk)


@company_page(Permission.ORDER_CREATE)
def cancel(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Say what cancelling means, then do it."""
    subscription = get_subscription_for(request.company, subscription_id)
    if request.method != "POST":
        context = {"company": request.company, "subscription": subscription}
        return render(request, "billing/cancel.html", context)
    try:
        cancel_subscription(subscription=subscription, actor=request.actor, now=request.now)
    except (SubscriptionOverError, CancelledAlreadyError, CannotBePricedError) as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("The subscription is cancelled. It can be undone."))
    return redirect("billing:subscriptions", request.company.pk)


@require_POST
@company_page(Permission.ORDER_CREATE)
def undo_cancel(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Take a cancellation back."""
    subscription = get_subscription_for(request.company, subscription_id)
    try:
        undo_cancellation(subscription=subscription, actor=request.actor, now=request.now)
    except (SubscriptionOverError, NotCancelledYetError) as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("The subscription goes on as before."))
    return redirect("billing:subscriptions", request.company.pk)


def _render_form(
    request: CompanyRequest,
    subscription: Subscription,
    form: SeatsForm,
    *,
    error: DomainError | None = None,
    status: int = 422,
) -> HttpResponse:
    if error is not None:
        form.add_error("quantity", str(error.message))
    context = {"company": request.company, "subscription": subscription, "form": form}
    return render(request, "billing/seats.html", context, status=status if form.is_bound else 200)


def _render_preview(
    request: CompanyRequest,
    subscription: Subscription,
    form: SeatsForm,
    *,
    taken: int | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    form.full_clean()
    quantity = form.cleaned_data["quantity"]
    try:
        check_seats(subscription, quantity, at=request.now, taken=taken)
        preview = preview_seats(subscription, quantity, at=request.now)
    except DomainError as refusal:
        return _render_form(request, subscription, form, error=refusal)
    except engine.EngineError:
        return _render_form(request, subscription, form, error=CannotBePricedError())
    context = {
        "company": request.company,
        "subscription": subscription,
        "preview": preview,
        "error": error,
        "form": ConfirmSeatsForm.of(form, preview_sha256=preview.sha256),
    }
    return render(request, "billing/seats_preview.html", context, status=422 if error else 200)
