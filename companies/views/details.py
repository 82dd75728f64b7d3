"""What the platform knows of the company."""

import re
from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from auditlog.queries import LogFilter, read_log
from companies import operations
from companies.events import CompanyEvent
from companies.forms import CompanyForm, InvoiceAddressForm, ask_register
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.protocol import has_register
from companies.queries import get_company_details
from companies.rendering import describe_each
from vop.lib.errors import DomainError, StaleError

EVENT_KEY = re.compile(r"[0-9]{1,18}")
HISTORY = frozenset(
    {
        CompanyEvent.REGISTERED,
        CompanyEvent.UPDATED,
        CompanyEvent.INVOICE_ADDRESS_CHANGED,
        CompanyEvent.REGISTER_ASKED,
        CompanyEvent.MAIN_CONTACT_CHANGED,
        CompanyEvent.CLOSED,
    }
)


@require_safe
@company_page(Permission.COMPANY_VIEW)
def details(request: CompanyRequest) -> HttpResponse:
    """Show the company's data, its invoice address and its main contact."""
    company = get_company_details(request.company.pk)
    context = {
        "company": company,
        "may_update": Permission.COMPANY_UPDATE in request.permissions,
        "may_invoice": Permission.BILLING_UPDATE in request.permissions,
        "may_see_members": Permission.MEMBER_VIEW in request.permissions,
        "may_close": Permission.COMPANY_CLOSE in request.permissions,
        "may_end": Permission.MEMBER_END in request.permissions,
        "membership": request.membership,
    }
    return render(request, "companies/details.html", context)


@require_safe
@company_page(Permission.BILLING_UPDATE)
def history(request: CompanyRequest) -> HttpResponse:
    """Show how the company's data came to be what they are, newest first."""
    before = request.GET.get("before", "")
    start = int(before) if EVENT_KEY.fullmatch(before) else None
    page = read_log(request.company.pk, LogFilter(actions=HISTORY), before=start)
    context = {"rows": list(describe_each(page.events)), "older_than": page.older_than}
    return render(request, "companies/history.html", context)


@company_page(Permission.COMPANY_UPDATE)
def edit(request: CompanyRequest) -> HttpResponse:
    """Change name, VAT number and language."""
    form = CompanyForm(request.POST if request.method == "POST" else None, company=request.company)

    def save() -> None:
        operations.update_company(
            company=request.company,
            facts=form.facts,
            version=form.seen_version,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )

    return _edit(request, form, save, "companies/edit.html")


@require_POST
@company_page(Permission.COMPANY_UPDATE)
def ask_the_register(request: CompanyRequest) -> HttpResponse:
    """Show what the company register says; fill in what is empty or was chosen, save nothing."""
    company = request.company
    form = CompanyForm(company=company)
    reply = ask_register(
        form,
        request.POST.dict(),
        country=company.country,
        org_number=company.org_number,
        take=request.POST.getlist("take"),
        asker=str(request.user.pk),
    )
    if reply.entry is not None:
        operations.note_register_answer(
            company=company,
            entry=reply.entry,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    return render(request, "companies/edit.html", {"form": form, "reply": reply, "can_ask": True})


@company_page(Permission.BILLING_UPDATE)
def edit_invoice_address(request: CompanyRequest) -> HttpResponse:
    """Change where the next invoices go."""
    form = InvoiceAddressForm(
        request.POST if request.method == "POST" else None, company=request.company
    )

    def save() -> None:
        operations.update_invoice_address(
            company=request.company,
            facts=form.facts,
            version=form.seen_version,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )

    return _edit(request, form, save, "companies/edit_invoice_address.html")


def _edit(
    request: CompanyRequest,
    form: CompanyForm | InvoiceAddressForm,
    save: Callable[[], None],
    template: str,
) -> HttpResponse:
    """Save a form; a stale one keeps what was typed and shows what is saved now beside it."""
    saved_now: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            save()
        except StaleError as error:
            current = get_company_details(request.company.pk)
            saved_now = form.differences(current)
            form = form.moved_to(current)
            form.add_error(None, str(error.message))
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, _("Saved."))
            return redirect("companies:details", request.company.pk)
    status = HTTPStatus.OK if request.method == "GET" else HTTPStatus.UNPROCESSABLE_ENTITY
    context = {"form": form, "saved_now": saved_now, "can_ask": has_register()}
    return render(request, template, context, status=status)
