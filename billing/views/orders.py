from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing import engine
from billing.access import get_offered_plan, get_published_terms, get_service_of_plans
from billing.forms import ConfirmOrderForm, OrderForm
from billing.models import Order, Plan
from billing.operations import (
    NoSellerError,
    NotAgreedError,
    NotForSaleError,
    PreviewChangedError,
    buy_plan,
)
from billing.queries import describe_offer, list_offers, list_possible_payers, preview_order
from companies.http import CompanyRequest, company_page
from companies.models import Company, Permission
from services.operations import AlreadyEntitledError
from vop.lib.errors import DomainError


@require_safe
@company_page(Permission.ORDER_CREATE)
def catalogue(request: CompanyRequest) -> HttpResponse:
    """Show what can be bought and what it costs."""
    offers = list_offers(request.company, at=request.now)
    return render(request, "billing/catalogue.html", {"company": request.company, "offers": offers})


@company_page(Permission.ORDER_CREATE)
def buy(request: CompanyRequest, plan_code: str) -> HttpResponse:
    """Ask how many; then show what it costs now and at renewal.

    What comes back from its preview is shown as it was filled in, to be changed.
    """
    service = get_service_of_plans(plan_code)
    if service is not None:  # a tile knows its service, not the plans
        return redirect(f"{reverse('billing:catalogue', args=[request.company.pk])}#{service.slug}")
    plan = get_offered_plan(plan_code)
    if request.method != "POST":
        return _render_form(request, plan, OrderForm(plan=plan, payers=_payers(request)))
    form = OrderForm(request.POST, plan=plan, payers=_payers(request))
    if not form.is_valid():
        return _render_form(request, plan, form)
    if "preview_sha256" in request.POST:
        return _render_form(request, plan, form, status=200)
    return _render_preview(request, plan, form)


@require_POST
@company_page(Permission.ORDER_CREATE)
def confirm_order(request: CompanyRequest, plan_code: str) -> HttpResponse:
    """Buy what the preview showed."""
    plan = get_offered_plan(plan_code)
    form = ConfirmOrderForm(request.POST, plan=plan, payers=_payers(request))
    if not form.is_valid():
        return _render_form(
            request, plan, OrderForm(request.POST, plan=plan, payers=_payers(request))
        )
    try:
        order = _place_order(request, plan, form)
    except PreviewChangedError as error:
        return _render_preview(request, plan, form, error=error)
    except (NotForSaleError, NotAgreedError, AlreadyEntitledError, NoSellerError) as error:
        asked = OrderForm(request.POST, plan=plan, payers=_payers(request))
        asked.add_error(None, str(error.message))
        return _render_form(request, plan, asked)
    messages.success(
        request, _("Thank you! %(service)s is ready to use.") % {"service": order.plan.service.name}
    )
    return redirect("billing:subscriptions", request.company.pk)


@require_safe
@company_page(Permission.BILLING_VIEW)
def terms(request: CompanyRequest, version: str) -> HttpResponse:
    """Show a version of the terms of sale, also one that held before."""
    found = get_published_terms(version)
    context = {
        "company": request.company,
        "terms": found,
        "text": found.text_in(get_language() or "sv"),
    }
    return render(request, "billing/terms.html", context)


def _payers(request: CompanyRequest) -> Sequence[Company]:
    return list_possible_payers(request.company, at=request.now)


def _place_order(request: CompanyRequest, plan: Plan, form: ConfirmOrderForm) -> Order:
    asked = form.cleaned_data
    return buy_plan(
        company=request.company,
        plan=plan,
        quantity=form.quantity_asked,
        payer=form.payer_asked,
        buyer=request.user,
        seat_for=request.membership if asked["take_seat"] else None,
        po_number=asked["po_number"],
        reference=asked["reference"],
        has_own_basis=asked["has_own_basis"],
        preview_sha256=asked["preview_sha256"],
        request_key=asked["request_key"],
        actor=request.actor,
        now=request.now,
    )


def _render_form(
    request: CompanyRequest, plan: Plan, form: OrderForm, *, status: int = 422
) -> HttpResponse:
    context = {
        "company": request.company,
        "plan": plan,
        "offer": describe_offer(request.company, plan, at=request.now),
        "form": form,
    }
    return render(request, "billing/buy.html", context, status=status if form.is_bound else 200)


def _render_preview(
    request: CompanyRequest, plan: Plan, form: OrderForm, *, error: DomainError | None = None
) -> HttpResponse:
    try:
        preview = preview_order(
            request.company, plan, form.quantity_asked, payer=form.payer_asked, at=request.now
        )
    except engine.EngineError:
        form.add_error(None, str(NotForSaleError.message))
        return _render_form(request, plan, form)
    context = {
        "company": request.company,
        "plan": plan,
        "preview": preview,
        "error": error,
        "asked": form.cleaned_data,
        "form": ConfirmOrderForm.of(form, plan=plan, preview_sha256=preview.sha256),
    }
    return render(request, "billing/preview.html", context, status=422 if error else 200)
