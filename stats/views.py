"""Sign-ins by clock hour, weekday and date: a company's own, and all of them for staff."""

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from companies.http import CompanyRequest, company_page
from companies.models import Permission
from stats.forms import CHOICES, last_days, read_period
from stats.queries import HOURS, DayCount, HourCounts, sign_ins_per_day, sign_ins_per_hour
from stats.rendering import draw_heatmap, draw_hours, write_days, write_hours
from vop.lib.clock import local_date
from vop.lib.http import PlatformRequest


@company_page(Permission.STATISTICS_VIEW)
def company(request: CompanyRequest) -> HttpResponse:
    """Show when the people of a company sign in."""
    key = request.company.pk
    files = {
        "hours_file": f"{reverse('stats:company_hours', args=[key])}?{request.GET.urlencode()}",
        "days_file": f"{reverse('stats:company_days', args=[key])}?{request.GET.urlencode()}",
    }
    return _render(request, "stats/company.html", {**_describe(request, key), **files})


@company_page(Permission.STATISTICS_VIEW)
def company_hours(request: CompanyRequest) -> HttpResponse:
    found = _count(request, request.company.pk)
    return _answer_file("sign-ins-by-hour.csv", write_hours(found.hours, _hour_header()))


@company_page(Permission.STATISTICS_VIEW)
def company_days(request: CompanyRequest) -> HttpResponse:
    found = _count(request, request.company.pk)
    text = write_days(found.days, _day_header()[:2], with_failed=False)
    return _answer_file("sign-ins-by-day.csv", text)


def staff(request: HttpRequest) -> HttpResponse:
    """Show when everybody signs in, and how often it fails."""
    frame = {
        "title": _("Statistics"),
        "shows_failed": True,
        "hours_file": f"{reverse('stats:staff_hours')}?{request.GET.urlencode()}",
        "days_file": f"{reverse('stats:staff_days')}?{request.GET.urlencode()}",
    }
    return _render(request, "stats/staff.html", {**_describe(request, None), **frame})


def staff_hours(request: HttpRequest) -> HttpResponse:
    found = _count(request, None)
    return _answer_file("sign-ins-by-hour.csv", write_hours(found.hours, _hour_header()))


def staff_days(request: HttpRequest) -> HttpResponse:
    found = _count(request, None)
    text = write_days(found.days, _day_header(), with_failed=True)
    return _answer_file("sign-ins-by-day.csv", text)


@dataclass(frozen=True, slots=True)
class _Found:
    form: Any
    period: Any
    hours: HourCounts
    days: list[DayCount]


def _count(request: HttpRequest, company_id: uuid.UUID | None) -> _Found:
    today = local_date(cast("PlatformRequest", request).now)
    form, period = read_period(request.GET, today)
    return _Found(
        form=form,
        period=period,
        hours=sign_ins_per_hour(period, company_id=company_id),
        days=sign_ins_per_day(period, company_id=company_id),
    )


def _describe(request: HttpRequest, company_id: uuid.UUID | None) -> dict[str, Any]:
    found = _count(request, company_id)
    today = local_date(cast("PlatformRequest", request).now)
    choices = [(number, last_days(number, today)) for number in CHOICES]
    return {
        "form": found.form,
        "period": found.period,
        "choices": [(number, period, period == found.period) for number, period in choices],
        "hours": found.hours,
        "hour_names": [(hour, f"{hour:02}", hour % 3 == 0) for hour in HOURS],
        "rows": draw_heatmap(found.hours, locale=(get_language() or "sv")[:2]),
        "chart": draw_hours(found.hours),
        "days": list(reversed(found.days)),
        "failed": sum(day.failed for day in found.days),
    }


def _render(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=422 if context["form"].errors else 200)


def _hour_header() -> list[str]:
    return [_("weekday (1 is Monday)"), _("hour"), _("sign-ins")]


def _day_header() -> list[str]:
    return [_("date"), _("sign-ins"), _("failed attempts")]


def _answer_file(name: str, text: str) -> HttpResponse:
    return HttpResponse(
        # The mark at the start tells Excel that it is UTF-8.
        "\ufeff" + text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
