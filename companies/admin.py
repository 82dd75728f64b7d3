"""Companies as staff see them: found, read and registered; the customer changes them."""

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import AnyRequest, PersonRequest
from companies.forms import (
    BreakGlassForm,
    ImportForm,
    RegisterForm,
    RegisterReply,
    ask_register,
)
from companies.models import Company, Invitation, Membership
from companies.operations import (
    RowsRefusedError,
    break_glass,
    check_import,
    import_companies,
    record_look,
    register_company_for,
)
from companies.protocol import has_register
from companies.queries import get_support_grant
from vop.lib.admin import ReadOnlyInline
from vop.lib.errors import DomainError, NotFound
from vop.lib.tables import WORKBOOK, list_with_faults, write_csv, write_workbook

MOST_SHOWN = 200  # rows of a file to import; the wrong ones come first

if TYPE_CHECKING:
    _CompanyAdmin = admin.ModelAdmin[Company]
else:  # it takes no brackets at run time
    _CompanyAdmin = admin.ModelAdmin


class MembershipInline(ReadOnlyInline):
    model = Membership
    fk_name = "company"
    fields = readonly_fields = (
        "person", "roles", "valid_from", "valid_until", "suspended_at", "last_used_at",
    )  # fmt: skip
    verbose_name_plural = _("members")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows = super().get_queryset(request).select_related("user")
        return rows.prefetch_related("role_grants").order_by("-valid_from", "pk")

    @admin.display(description=_("person"))
    def person(self, membership: Membership) -> str:
        return f"{membership.user.display_name} ({membership.user.email})"

    @admin.display(description=_("roles"))
    def roles(self, membership: Membership) -> str:
        return ", ".join(
            f"{grant.get_role_display()} – {grant.last_day}"
            if grant.last_day
            else str(grant.get_role_display())
            for grant in membership.role_grants.all()
        )


class InvitationInline(ReadOnlyInline):
    model = Invitation
    fields = readonly_fields = (
        "email", "offered", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        rows = super().get_queryset(request).select_related("invited_by")
        return rows.order_by("-created_at", "pk")

    @admin.display(description=_("roles"))
    def offered(self, invitation: Invitation) -> str:
        return ", ".join(invitation.role_labels)


class ImportPages(_CompanyAdmin):
    """Importing companies and members: a file, what it would make, and then it does."""

    change_list_template = "companies/admin/companies.html"

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "import": self.check_file,
            "import/run": self.run_import,
            "import/faults": self.download_faults,
        }
        own = [
            path(
                f"{address}/",
                self.admin_site.admin_view(view),
                name=f"companies_company_{address.replace('/', '_')}",
            )
            for address, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def check_file(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file, then show what it would make and which rows are wrong."""
        if request.method != "POST":
            self._check_may_import(request)
            return self._ask_for_file(request, ImportForm())
        form = self._read(request)
        return self._show(request, form) if form.is_valid() else self._ask_for_file(request, form)

    def run_import(self, request: HttpRequest) -> HttpResponse:
        """Import what was shown; if a row became wrong meanwhile, nothing is."""
        form = self._read(request)
        if not form.is_valid():
            return self._ask_for_file(request, form)
        who = cast("AnyRequest", request)
        try:
            report = import_companies(rows=form.rows, actor=who.actor, now=who.now)
        except RowsRefusedError:
            return self._show(request, form)
        except DomainError as error:
            form.add_error("file", str(error.message))
            return self._ask_for_file(request, form)
        done = gettext(
            "Imported: %(companies)s new companies, %(people)s new people, %(members)s memberships."
        )
        messages.success(request, done % asdict(report))
        return redirect("admin:companies_company_changelist")

    def download_faults(self, request: HttpRequest) -> HttpResponse:
        """Hand the file back, of the kind that came, with what is wrong in a last column."""
        form = self._read(request)
        if not form.is_valid():
            return self._ask_for_file(request, form)
        _report, faults = check_import(rows=form.rows, now=cast("AnyRequest", request).now)
        rows = list_with_faults(form.lines, {1: gettext("What is wrong"), **faults})
        if form.cleaned_data["is_workbook"]:
            return _attach(write_workbook(gettext("Import"), rows), WORKBOOK, "import.xlsx")
        return _attach(write_csv(rows), "text/csv; charset=utf-8", "import.csv")

    def _check_may_import(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied

    def _read(self, request: HttpRequest) -> ImportForm:
        self._check_may_import(request)
        return ImportForm(request.POST, request.FILES)

    def _ask_for_file(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        context = self._frame(request, form)
        status = 422 if form.errors else 200
        return render(request, "companies/admin/import.html", context, status=status)

    def _show(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        report, faults = check_import(rows=form.rows, now=cast("AnyRequest", request).now)
        rows = [{"row": row, "fault": faults.get(row.line, "")} for row in form.rows]
        rows.sort(key=lambda shown: not shown["fault"])  # what needs attention comes first
        context = {
            **self._frame(request, form),
            "report": report,
            "fault_count": len(faults),
            "rows": rows[:MOST_SHOWN],
            "row_count": len(rows),
            "text": form.plain_text,
            "is_workbook": form.cleaned_data["is_workbook"],
        }
        status = 422 if faults else 200
        return render(request, "companies/admin/import_preview.html", context, status=status)

    def _frame(self, request: HttpRequest, form: ImportForm) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Import companies and members"),
            "form": form,
            "changelist_url": reverse("admin:companies_company_changelist"),
        }


@admin.register(Company)
class CompanyAdmin(ImportPages):
    list_display = ["name", "formatted", "country", "firm_kind", "created_at", "closed_at"]
    list_filter = ["firm_kind", "country", ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "org_number", "=id"]
    ordering = ["name", "pk"]
    inlines = [MembershipInline, InvitationInline]
    fields = (
        "name", "country", "formatted", "vat_number", "firm_kind", "language", "contact",
        "street", "postcode", "city", "register_status", "register_checked_at",
        "invoice_delivery", "e_invoice_address", "invoice_recipient", "invoice_street",
        "invoice_postcode", "invoice_city", "invoice_country", "invoice_email",
        "invoice_reference", "created_at", "closed_at",
    )  # fmt: skip
    readonly_fields = (
        "formatted", "contact", "register_status", "register_checked_at", "created_at",
        "closed_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        return super().get_queryset(request).select_related("main_contact__user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Company], search_term: str
    ) -> tuple[QuerySet[Company], bool]:
        """Find a number however it is written, with its hyphen or in twelve digits."""
        digits = search_term.replace("-", "").replace(" ", "")
        if digits.isdecimal():
            search_term = digits.removeprefix("16") if len(digits) > len("5566778899") else digits
        return super().get_search_results(request, queryset, search_term)

    def has_change_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:
        return False

    @admin.display(description=_("organisation number"), ordering="org_number")
    def formatted(self, company: Company) -> str:
        return company.formatted_org_number

    @admin.display(description=_("main contact"))
    def contact(self, company: Company) -> str:
        user = company.main_contact.user
        return f"{user.display_name} ({user.email})"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Adding is registering: a form of our own, and an operation."""
        if object_id is not None:
            closed = self._look(cast("PersonRequest", request), object_id)
            return closed or super().changeform_view(request, object_id, form_url, extra_context)
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._register(cast("AnyRequest", request))

    def _look(self, request: PersonRequest, object_id: str) -> HttpResponse | None:
        """Tell the company that its data are looked at; without a grant, return the shut door."""
        company = self.get_object(request, object_id)
        if company is None or not self.has_view_permission(request, company):
            return None  # Django says so in its own way
        grant = get_support_grant(request.user, company.pk, at=request.now)
        if grant is None:
            return self._show_door(request, company, BreakGlassForm())
        page = "admin:companies_company_change"
        record_look(grant=grant, page=page, actor=request.actor, now=request.now)
        return None

    def break_glass(self, request: HttpRequest, company_id: uuid.UUID) -> HttpResponse:
        """Let oneself in for hours, with a reason that the company reads."""
        company = self.get_object(request, str(company_id))
        if company is None:
            raise NotFound
        if not self.has_view_permission(request, company):
            raise PermissionDenied
        who = cast("PersonRequest", request)
        form = BreakGlassForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            break_glass(
                company=company,
                user=who.user,
                reason=form.cleaned_data["reason"],
                actor=who.actor,
                now=who.now,
            )
            messages.warning(request, gettext("The company has been told."))
            return redirect("admin:companies_company_change", company.pk)
        return self._show_door(request, company, form)

    def _show_door(
        self, request: HttpRequest, company: Company, form: BreakGlassForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": company.name,
            "company": company,
            "form": form,
            "changelist_url": reverse("admin:companies_company_changelist"),
        }
        status = 422 if form.errors else 403
        return render(request, "companies/admin/door.html", context, status=status)

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(self.break_glass)
        name = "companies_company_break_glass"
        ask = self.admin_site.admin_view(self.ask_the_register)
        return [
            path("<uuid:company_id>/break-glass/", door, name=name),
            path("add/register/", ask, name="companies_company_ask_register"),
            *super().get_urls(),
        ]

    def ask_the_register(self, request: HttpRequest) -> HttpResponse:
        """Show what the company register says, and fill in what is empty or was chosen."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        typed = request.POST.dict()
        form = RegisterForm()
        reply = ask_register(
            form,
            typed,
            country=typed.get("country", ""),
            org_number=typed.get("org_number", ""),
            take=request.POST.getlist("take"),
            asker=str(cast("PersonRequest", request).user.pk),
        )
        return self._ask_for_facts(request, form, reply)

    def _register(self, request: AnyRequest) -> HttpResponse:
        form = RegisterForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                company = register_company_for(
                    company=form.company,
                    email=form.cleaned_data["email"],
                    full_name=form.cleaned_data["full_name"],
                    actor=request.actor,
                    now=request.now,
                )
            except DomainError as error:
                form.add_error("org_number", str(error.message))
            else:
                done = gettext("%(name)s is registered; the owner gets a mail.")
                messages.success(request, done % {"name": company.name})
                return redirect("admin:companies_company_changelist")
        return self._ask_for_facts(request, form)

    def _ask_for_facts(
        self, request: HttpRequest, form: RegisterForm, reply: RegisterReply | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Register a company"),
            "form": form,
            "reply": reply,
            "can_ask": has_register(),
            "changelist_url": reverse("admin:companies_company_changelist"),
        }
        status = 422 if form.errors else 200
        return render(request, "companies/admin/register.html", context, status=status)


def _attach(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
