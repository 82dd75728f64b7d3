import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import demand_fresh_proof
from accounts.queries import get_authentication
from billing.access import get_subscription_for
from billing.forms import PayerForm
from billing.operations import (
    AgreedAlreadyError,
    ConsentTextChangedError,
    NoMandateError,
    NotAgreedError,
    SamePayerError,
    SubscriptionOverError,
    give_payer_consent,
    set_payer,
    withdraw_payer_consent,
)
from billing.queries import (
    get_payer_consent,
    list_agreed_clients,
    list_mandates_to_pay_under,
    list_payer_history,
    list_possible_payers,
)
from billing.rendering import make_payer_consent
from companies.access import get_held_mandate_for
from companies.http import CompanyRequest, company_page
from companies.models import Mandate, Permission
from services.operations import Answer
from vop.lib.errors import DomainError, NotFound

CLIENTS_PER_PAGE = 50


@company_page(Permission.ORDER_CREATE)
def payer(request: CompanyRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """Say who pays for a subscription: the company, or a firm that has agreed to."""
    subscription = get_subscription_for(request.company, subscription_id)
    payers = list_possible_payers(request.company, at=request.now)
    data = request.POST if request.method == "POST" else None
    form = PayerForm(data, payers=payers, current=subscription.payer)
    if form.is_valid():
        wanted = form.cleaned_data["payer"]
        try:
            set_payer(subscription=subscription, payer=wanted, actor=request.actor, now=request.now)
        except (SamePayerError, NotAgreedError, SubscriptionOverError) as error:
            form.add_error("payer", str(error.message))
        else:
            messages.success(request, _("%(payer)s pays from today.") % {"payer": wanted.name})
            return redirect("billing:subscriptions", request.company.pk)
    context = {
        "company": request.company,
        "subscription": subscription,
        "form": form,
        "payers": payers,
        "history": list_payer_history(subscription),
    }
    return render(request, "billing/payer.html", context, status=422 if form.is_bound else 200)


@require_safe
@company_page(Permission.ORDER_CREATE)
def payments(request: CompanyRequest) -> HttpResponse:
    """List a firm's clients, which it has agreed to pay for, and how much it pays."""
    if not request.company.is_firm:
        raise NotFound
    rows = list_mandates_to_pay_under(request.company, at=request.now)
    context = {
        "company": request.company,
        "page_obj": Paginator(rows, CLIENTS_PER_PAGE).get_page(request.GET.get("page")),
        "agreed": list_agreed_clients(request.company),
    }
    return render(request, "billing/payments.html", context)


@company_page(Permission.ORDER_CREATE)
def give_consent(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Show what the firm agrees to when it pays for a client; then agree to that text."""
    mandate = get_held_mandate_for(request.company, mandate_id)
    if request.method != "POST":
        return _render_consent(request, mandate)
    demand_fresh_proof(request, _("Agree to pay"))
    try:
        give_payer_consent(
            firm=mandate.firm,
            client=mandate.client,
            answer=Answer(request.POST.get("text_sha256", ""), _read_method(request)),
            person=request.user,
            actor=request.actor,
            now=request.now,
        )
    except (NoMandateError, AgreedAlreadyError, ConsentTextChangedError) as error:
        return _render_consent(request, mandate, error=error)
    told = _("You have agreed to pay for %(client)s. It now chooses for which subscriptions.")
    messages.success(request, told % {"client": mandate.client.name})
    return redirect("billing:payments", request.company.pk)


@require_POST
@company_page(Permission.ORDER_CREATE)
def withdraw_consent(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Stop paying for a client."""
    mandate = get_held_mandate_for(request.company, mandate_id)
    try:
        withdraw_payer_consent(
            firm=mandate.firm, client=mandate.client, actor=request.actor, now=request.now
        )
    except NotAgreedError as error:
        messages.error(request, str(error.message))
    else:
        told = _("%(client)s pays for itself from today.")
        messages.success(request, told % {"client": mandate.client.name})
    return redirect("billing:payments", request.company.pk)


def _read_method(request: CompanyRequest) -> str:
    """Return how the person of this session proved who they are."""
    return " ".join(get_authentication(request).amr)


def _render_consent(
    request: CompanyRequest, mandate: Mandate, *, error: DomainError | None = None
) -> HttpResponse:
    consent = get_payer_consent(mandate.firm, mandate.client)
    offered = make_payer_consent(mandate.firm, mandate.client, method="")
    context = {
        "company": request.company,
        "client": mandate.client,
        "mandate": mandate,
        "consent": consent,
        "text": offered.text if consent is None else consent.text,
        "text_sha256": offered.sha256 if consent is None else consent.text_sha256,
        "error": error,
    }
    return render(request, "billing/payer_consent.html", context, status=422 if error else 200)
