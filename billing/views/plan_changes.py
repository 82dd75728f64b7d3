import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing import engine
from billing.access import get_subscription_for
from billing.forms import ConfirmPlanForm, PlanChangeForm, ReferencesForm
from billing.models import Plan, Subscription
from billing.operations import (
    CancelledPlanError,
    CannotBePricedError,
    NotForSaleError,
    PreviewChangedError,
    SamePlanError,
    SubscriptionOverError,
    change_plan,
    change_references,
    check_plan,
)
from billing.queries import list_other_plans, list_plan_offers, preview_plan
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from vop.lib.errors import DomainError


@company_page(Permission.ORDER_CREATE)
def plan(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Ask for another plan; then show what it costs and when it begins."""
    subscription = get_subscription_for(request.company, subscription_id)
    plans = list_other_plans(subscription)
    if request.method != "POST":
        return _render_form(request, subscription, PlanChangeForm(plans=plans), plans)
    form = PlanChangeForm(request.POST, plans=plans)
    if not form.is_valid():
        return _render_form(request, subscription, form, plans)
    if "preview_sha256" in request.POST:  # back from the preview: shown as it was filled in
        return _render_form(request, subscription, form, plans, status=200)
    return _render_preview(request, subscription, form, plans)


@require_POST
@company_page(Permission.ORDER_CREATE)
def confirm_plan(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Change the plan as the preview showed."""
    subscription = get_subscription_for(request.company, subscription_id)
    plans = list_other_plans(subscription)
    form = ConfirmPlanForm(request.POST, plans=plans)
    asked = PlanChangeForm(request.POST, plans=plans)
    if not form.is_valid():
        return _render_form(request, subscription, asked, plans)
    try:
        change_plan(
            subscription=subscription, **form.decision, actor=request.actor, now=request.now
        )
    except PreviewChangedError as error:
        return _render_preview(request, subscription, asked, plans, error=error)
    except (
        SubscriptionOverError,
        CancelledPlanError,
        SamePlanError,
        NotForSaleError,
        CannotBePricedError,
    ) as error:
        return _render_form(request, subscription, asked, plans, error=error)
    messages.success(request, _("The plan is changed as you saw it."))
    return redirect("billing:subscriptions", request.company.pk)


@company_page(Permission.ORDER_CREATE)
def references(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Say what coming invoice bases refer to."""
    subscription = get_subscription_for(request.company, subscription_id)
    now = {
        "po_number": subscription.po_number,
        "reference": subscription.reference,
        "has_own_basis": not subscription.consolidate,
    }
    form = ReferencesForm(request.POST if request.method == "POST" else None, initial=now)
    if form.is_valid():
        try:
            change_references(
                subscription=subscription,
                **form.cleaned_data,
                actor=request.actor,
                now=request.now,
            )
        except SubscriptionOverError as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, _("Coming invoice bases refer to this."))
            return redirect("billing:subscriptions", request.company.pk)
    context = {"company": request.company, "subscription": subscription, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "billing/references.html", context, status=status)


def _render_form(
    request: CompanyRequest,
    subscription: Subscription,
    form: PlanChangeForm,
    plans: Sequence[Plan],
    *,
    error: DomainError | None = None,
    status: int = 422,
) -> HttpResponse:
    if error is not None:
        form.full_clean()
        form.add_error(None, str(error.message))
    context = {
        "company": request.company,
        "subscription": subscription,
        "offers": list_plan_offers(plans, at=request.now),
        "form": form,
    }
    return render(request, "billing/plan.html", context, status=status if form.is_bound else 200)


def _render_preview(
    request: CompanyRequest,
    subscription: Subscription,
    form: PlanChangeForm,
    plans: Sequence[Plan],
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    form.full_clean()
    wanted, wait = form.cleaned_data["plan"], form.cleaned_data["wait"]
    try:
        check_plan(subscription, wanted, at=request.now)
        preview = preview_plan(subscription, wanted, wait=wait, at=request.now)
    except DomainError as refusal:
        return _render_form(request, subscription, form, plans, error=refusal)
    except engine.EngineError:
        return _render_form(request, subscription, form, plans, error=CannotBePricedError())
    context = {
        "company": request.company,
        "subscription": subscription,
        "preview": preview,
        "error": error,
        "form": ConfirmPlanForm.of(form, plans=plans, preview_sha256=preview.sha256),
    }
    return render(request, "billing/plan_preview.html", context, status=422 if error else 200)
