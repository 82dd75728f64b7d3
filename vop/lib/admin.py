"""What the admin pages of the rooms share: rows to look at, and forms that call an operation.

Django wraps its own add and change views in a transaction and saves the row itself, past every
rule of ours. So rows are for reading, and what changes goes through an action or a form here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext

from vop.lib.errors import DomainError, NotFound

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    AnyAdmin = admin.ModelAdmin[Any]
    AnyInline = admin.TabularInline[Any, Any]
    AnyInlineFormSet = BaseInlineFormSet[Any, Any, Any]
else:  # they take no brackets at run time
    AnyAdmin = admin.ModelAdmin
    AnyInline = admin.TabularInline
    AnyInlineFormSet = BaseInlineFormSet


class ReadOnlyAdmin(AnyAdmin):
    """Rows to look at."""

    def has_add_permission(self, request: "HttpRequest") -> bool:
        return False

    def has_change_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False


class ReadOnlyInline(AnyInline):
    """Rows to look at, inside another."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False


class _PagedFormSet(AnyInlineFormSet):
    """The rows of one page."""

    number = ""
    per_page = 100
    page: "Page[Any] | None" = None

    def get_queryset(self) -> Any:
        if self.page is None:
            found = Paginator(super().get_queryset(), self.per_page)
            self.page = found.get_page(self.number)
            self.page.object_list = list(self.page.object_list)
        return self.page.object_list


class PagedInline(ReadOnlyInline):
    """Rows to look at, inside another that can have thousands of them."""

    formset = _PagedFormSet
    template = "admin/paged_inline.html"

    def get_formset(self, request: "HttpRequest", obj: Any = None, **kwargs: Any) -> Any:
        found: Any = super().get_formset(request, obj, **kwargs)
        found.number = request.GET.get("page", "")
        return found


class OperationAdmin(AnyAdmin):
    """Rows that are saved by an operation, through a form of our own.

    A subclass says `build_form` and `save`.
    """

    def build_form(self, request: "HttpRequest", row: Any | None) -> forms.Form:
        raise NotImplementedError

    def save(self, request: Any, form: Any, row: Any | None) -> Model:
        raise NotImplementedError

    def preview(self, request: Any, form: Any) -> "HttpResponse | None":
        """Return a page to confirm before anything is saved; None saves."""
        return None

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        return False

    def changeform_view(
        self,
        request: "HttpRequest",
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> "HttpResponse":
        row = self.get_object(request, object_id) if object_id else None
        if object_id and row is None:
            raise NotFound
        if not self._may_save(request, row):
            raise PermissionDenied
        form = self.build_form(request, row)
        if request.method == "POST" and form.is_valid():
            shown = self.preview(request, form)
            if shown is not None:
                return shown
            try:
                saved = self.save(request, form, row)
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                messages.success(request, gettext("%(name)s is saved.") % {"name": saved})
                return redirect(self._changelist_url())
        return self.render_form(request, row, form)

    def _may_save(self, request: "HttpRequest", row: Any | None) -> bool:
        if row is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request, row)

    def _changelist_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def render_form(
        self,
        request: "HttpRequest",
        row: Any | None,
        form: forms.Form,
        *,
        template: str = "admin/operation_form.html",
        **more: Any,
    ) -> "HttpResponse":
        """Return the page of the form, perhaps with what a template of its own shows besides."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": capfirst(str(self.opts.verbose_name) if row is None else str(row)),
            "form": form,
            "row": row,
            "changelist_url": self._changelist_url(),
            **more,
        }
        status = 422 if form.errors else 200
        return render(request, template, context, status=status)


def act_on_each(
    request: "HttpRequest", rows: QuerySet[Any], operation: Callable[[Any, Any], object]
) -> None:
    """Do something to each row in a transaction of its own, and tell how it went."""
    done = 0
    for row in rows:
        try:
            operation(row, request)
        except DomainError as error:
            messages.warning(request, f"{row}: {error.message}")
        else:
            done += 1
    messages.info(request, gettext("Done: %(count)d.") % {"count": done})
