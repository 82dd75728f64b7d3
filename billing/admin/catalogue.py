"""Plans, prices, VAT rates and who sells."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.http import AnyRequest
from billing.forms import (
    DiscountForm,
    ExchangeRateForm,
    LedgerAccountForm,
    PlanForm,
    PriceForm,
    SellerForm,
    TermsForm,
    VatRateForm,
)
from billing.models import (
    Discount,
    ExchangeRate,
    LedgerAccount,
    Plan,
    Price,
    Seller,
    Terms,
    VatNumberCheck,
    VatRate,
)
from billing.operations import (
    AccountFacts,
    SellerFacts,
    TermsFacts,
    end_discount,
    publish_terms,
    save_ledger_account,
    save_plan,
    save_seller,
    set_discount,
    set_exchange_rate,
    set_price,
    set_vat_rate,
)
from billing.queries import preview_price
from vop.lib.admin import OperationAdmin, ReadOnlyAdmin, act_on_each


def _data(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


@admin.register(Plan)
class PlanAdmin(OperationAdmin):
    """What is sold. A plan that is sold keeps its terms: make another for other terms."""

    list_display = ["name", "service", "code", "interval", "pricing", "currency", "is_offered"]
    list_filter = ["is_offered", "service", "interval"]
    list_select_related = ["service"]
    search_fields = ["name", "code", "service__name"]
    ordering = ["service__name", "rank", "pk"]

    def build_form(self, request: HttpRequest, row: Plan | None) -> forms.Form:
        return PlanForm(_data(request), plan=row)

    def save(self, request: AnyRequest, form: PlanForm, row: Plan | None) -> Plan:
        return save_plan(facts=form.facts(row), plan=row, actor=request.actor, now=request.now)


@admin.register(Price)
class PriceAdmin(OperationAdmin):
    """What plans cost and from when. A price is never changed: a new one takes over."""

    list_display = ["plan", "unit_price", "valid_from", "existing_from", "created_at"]
    list_filter = ["plan__service"]
    list_select_related = ["plan"]
    ordering = ["plan__code", "-valid_from", "pk"]
    search_fields = ["plan__name", "plan__code"]
    list_display_links = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def build_form(self, request: HttpRequest, row: Price | None) -> forms.Form:
        initial = {"plan": request.GET.get("plan"), "valid_from": timezone.localdate()}
        return PriceForm(_data(request), initial=initial)

    def preview(self, request: AnyRequest, form: PriceForm) -> HttpResponse | None:
        """Show whom the price meets before it is set; one that meets nobody is set at once."""
        plan = form.cleaned_data["plan"]
        change = preview_price(plan, form.price, at=request.now)
        if not change.count or form.cleaned_data["seen"] == change.sha256:
            return None
        posted = request.POST.copy()
        posted["seen"] = change.sha256
        form.data = posted
        return self.render_form(
            request, None, form, template="billing/admin/price_preview.html", change=change
        )

    def save(self, request: AnyRequest, form: PriceForm, row: Price | None) -> Price:
        asked = {name: value for name, value in form.cleaned_data.items() if name != "seen"}
        return set_price(**asked, actor=request.actor, now=request.now)


@admin.register(Discount)
class DiscountAdmin(OperationAdmin):
    """What is taken off for a while. A discount is never changed: end it and set another."""

    list_display = ["name", "plan", "subscription", "kind", "value", "valid_from", "valid_to"]
    list_filter = ["kind", "plan__service"]
    list_select_related = ["plan", "subscription__company", "subscription__plan"]
    ordering = ["-valid_from", "pk"]
    search_fields = ["name", "plan__name", "subscription__company__name"]
    list_display_links = None
    actions = ["end"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def build_form(self, request: HttpRequest, row: Discount | None) -> forms.Form:
        named = {name: request.GET.get(name) for name in ("plan", "subscription")}
        initial = {**named, "valid_from": timezone.localdate()}
        return DiscountForm(_data(request), initial=initial)

    def save(self, request: AnyRequest, form: DiscountForm, row: Discount | None) -> Discount:
        return set_discount(**form.facts, actor=request.actor, now=request.now)

    @admin.action(description=_("End from today"), permissions=["add"])
    def end(self, request: HttpRequest, queryset: QuerySet[Discount]) -> None:
        act_on_each(
            request,
            queryset.order_by("valid_from", "pk"),
            lambda discount, who: end_discount(discount=discount, actor=who.actor, now=who.now),
        )


@admin.register(VatRate)
class VatRateAdmin(OperationAdmin):
    """Dated VAT rates. A new one without an end closes the one before it."""

    list_display = ["vat_class", "country", "rate", "valid_from", "valid_to"]
    list_filter = ["vat_class", "country"]
    ordering = ["vat_class", "country", "-valid_from", "pk"]
    list_display_links = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def build_form(self, request: HttpRequest, row: VatRate | None) -> forms.Form:
        return VatRateForm(_data(request))

    def save(self, request: AnyRequest, form: VatRateForm, row: VatRate | None) -> VatRate:
        return set_vat_rate(**form.cleaned_data, actor=request.actor, now=request.now)


@admin.register(Terms)
class TermsAdmin(OperationAdmin):
    """What buyers accept. A version is never changed: a new one takes over from its day."""

    list_display = ["version", "valid_from", "sha256", "published_at"]
    ordering = ["-valid_from"]
    list_display_links = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def build_form(self, request: HttpRequest, row: Terms | None) -> forms.Form:
        return TermsForm(_data(request), initial={"valid_from": timezone.localdate()})

    def save(self, request: AnyRequest, form: TermsForm, row: Terms | None) -> Terms:
        facts = TermsFacts(**form.cleaned_data)
        return publish_terms(facts=facts, actor=request.actor, now=request.now)


@admin.register(LedgerAccount)
class LedgerAccountAdmin(OperationAdmin):
    """Where the seller books what BAS puts elsewhere; what isn't here goes to the BAS account."""

    list_display = ["purpose", "vat", "service", "number", "name"]
    list_select_related = ["service"]
    ordering = ["purpose", "vat", "service__name", "pk"]

    def build_form(self, request: HttpRequest, row: LedgerAccount | None) -> forms.Form:
        return LedgerAccountForm(_data(request), account=row)

    def save(
        self, request: AnyRequest, form: LedgerAccountForm, row: LedgerAccount | None
    ) -> LedgerAccount:
        return save_ledger_account(
            facts=AccountFacts(**form.cleaned_data),
            account=row,
            actor=request.actor,
            now=request.now,
        )


@admin.register(Seller)
class SellerAdmin(OperationAdmin):
    """Who sells. There is one; approved bases keep the one that they copied."""

    list_display = ["name", "org_number", "vat_number", "city", "series_prefix"]
    ordering = ["name", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seller]:
        return Seller.objects.filter(is_current=True)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not self.get_queryset(request).exists()

    def build_form(self, request: HttpRequest, row: Seller | None) -> forms.Form:
        names = list(SellerForm.base_fields)
        initial = {name: getattr(row, name) for name in names} if row is not None else None
        return SellerForm(_data(request), initial=initial)

    def save(self, request: AnyRequest, form: SellerForm, row: Seller | None) -> Seller:
        facts = SellerFacts(**form.cleaned_data)
        return save_seller(facts=facts, actor=request.actor, now=request.now)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(OperationAdmin):
    """Rates to SEK, in which VAT is told as well. A rate is never changed."""

    list_display = ["currency", "on", "rate", "source"]
    list_filter = ["currency"]
    ordering = ["-on", "currency", "pk"]
    list_display_links = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def build_form(self, request: HttpRequest, row: ExchangeRate | None) -> forms.Form:
        return ExchangeRateForm(_data(request), initial={"on": timezone.localdate()})

    def save(
        self, request: AnyRequest, form: ExchangeRateForm, row: ExchangeRate | None
    ) -> ExchangeRate:
        return set_exchange_rate(**form.cleaned_data, actor=request.actor, now=request.now)


@admin.register(VatNumberCheck)
class VatNumberCheckAdmin(ReadOnlyAdmin):
    """What VIES has said of VAT numbers."""

    list_display = ["vat_number", "is_valid", "asked_at", "answered_at", "receipt"]
    list_filter = ["is_valid"]
    search_fields = ["vat_number"]
    ordering = ["-asked_at", "pk"]
