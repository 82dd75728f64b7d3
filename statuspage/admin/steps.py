"""Pages for staff: rows are for reading, and each step in their life is a form of its own.

A step calls one operation. Whoever has the right to change a kind of thing may take its steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import PersonRequest
from statuspage import operations
from statuspage.forms import StepForm
from statuspage.forms.base import Circumstances
from vop.lib.errors import DomainError, NotFound

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:

    class _Admin(admin.ModelAdmin[M]):
        pass
else:  # the class takes no brackets at run time

    class _Admin(admin.ModelAdmin):
        def __class_getitem__(cls, _model: type[Model]) -> type["_Admin"]:
            return cls


Run = Callable[[Any, Any, PersonRequest], Model]

# Beside which field a refusal stands; the others stand on top.
_FIELDS: dict[type[DomainError], str] = {
    operations.NextUpdateInThePastError: "next_update_at",
    operations.StartInTheFutureError: "started_at",
    operations.NotStaffError: "assignee",
    operations.TextMissingError: "text_sv",
    operations.ReasonMissingError: "reason",
    operations.LateNoticeError: "reason",
    operations.WindowOrderError: "window_end",
    operations.WindowPassedError: "window_start",
    operations.DowntimeTooLongError: "expected_downtime_minutes",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that staff can do: a button, a form and the operation behind."""

    name: str
    label: str | Promise
    lead: str | Promise
    form: type[StepForm]
    run: Run
    is_possible: Callable[[Any], bool] = lambda _thing: True
    is_main: bool = False
    is_dangerous: bool = False


class StepsAdmin(_Admin[M]):
    """Rows for reading, with steps for those who may take them."""

    steps: tuple[Step, ...] = ()  # about a row
    beginnings: tuple[Step, ...] = ()  # that make a row
    change_form_template = "statuspage/admin/thing.html"
    change_list_template = "statuspage/admin/list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_work(self, request: HttpRequest) -> bool:
        """Tell whether this person may take steps, not only read."""
        return request.user.has_perm(f"statuspage.change_{self.opts.model_name}")

    def list_updates(self, thing: Any) -> Any:
        """Return what was told about a row."""
        return ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"begin/{step.name}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=self._url_name(step),
            )
            for step in self.beginnings
        ] + [
            path(
                f"<uuid:object_id>/{step.name}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=self._url_name(step),
            )
            for step in self.steps
        ]
        return [*own, *super().get_urls()]

    def step_view(self, request: HttpRequest, object_id: Any = None, *, step: Step) -> HttpResponse:
        """Show a step's form, or take the step."""
        if not self.may_work(request):
            raise PermissionDenied
        edge = cast("PersonRequest", request)
        thing = self._get_thing(object_id)
        if request.method != "POST" and not step.is_possible(thing):
            messages.warning(request, gettext("That can't be done in the state it is in now."))
            return redirect(self._thing_url(thing))
        given = Circumstances(thing, edge.user, edge.now)
        form = step.form(request.POST if request.method == "POST" else None, given=given)
        form.seen_at = _parse_seen(request.POST.get("seen_at", ""))
        if form.is_bound and form.is_valid():
            try:
                done = step.run(thing, form, edge)
            except DomainError as error:
                field = _FIELDS.get(type(error))
                form.add_error(field if field in form.fields else None, str(error.message))
            else:
                messages.success(request, gettext("Done: %(step)s") % {"step": step.label})
                return redirect(self._thing_url(done))
        return self._render_step(request, step, form, self._get_thing(object_id))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        thing = self.get_object(request, object_id)
        context: dict[str, Any] = {"may_work": self.may_work(request)}
        if thing is not None:
            context |= {
                "steps": [
                    (step, reverse(f"admin:{self._url_name(step)}", args=[thing.pk]))
                    for step in self.steps
                    if step.is_possible(thing)
                ],
                "updates": self.list_updates(thing),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "may_work": self.may_work(request),
            "beginnings": [
                (step, reverse(f"admin:{self._url_name(step)}")) for step in self.beginnings
            ],
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def _render_step(
        self, request: HttpRequest, step: Step, form: StepForm, thing: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": step.label,
            "step": step,
            "form": form,
            "thing": thing,
            "seen_at": thing.updated_at.isoformat() if thing else "",
            "back_url": self._thing_url(thing) if thing else self._list_url(),
            "list_url": self._list_url(),
        }
        status = 422 if form.errors else 200
        return render(request, "statuspage/admin/step.html", context, status=status)

    def _get_thing(self, object_id: Any) -> Any:
        if object_id is None:
            return None
        thing = self.model._default_manager.filter(pk=object_id).first()  # noqa: SLF001
        if thing is None:
            raise NotFound
        return thing

    def _url_name(self, step: Step) -> str:
        return f"statuspage_{self.opts.model_name}_{step.name}"

    def _thing_url(self, thing: Any) -> str:
        return reverse(f"admin:statuspage_{self.opts.model_name}_change", args=[thing.pk])

    def _list_url(self) -> str:
        return reverse(f"admin:statuspage_{self.opts.model_name}_changelist")


def _parse_seen(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


NO_LEAD = _("Nothing to fill in: press the button when you are sure.")
