"""The company's log: what happened, who did it, and a file of it."""

import csv
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_POST, require_safe

from auditlog.operations import record_export
from auditlog.queries import LogFilter, iterate_log, read_log
from companies.forms import LogForm
from companies.http import CompanyRequest, company_page
from companies.models import Company, Permission
from companies.queries import find_person_ever_in, list_active_members
from companies.rendering import describe_each, list_cells, list_columns
from vop.lib.clock import local_date
from vop.lib.tables import BYTE_ORDER_MARK

FILTERS = ("group", "person", "since", "until", "outcome")
SUGGESTIONS = 200  # more than that and one types the address
EVENT_KEY = re.compile(r"[0-9]{1,18}")


@require_safe
@company_page(Permission.AUDIT_VIEW)
def log(request: CompanyRequest) -> HttpResponse:
    """Show the log, newest first; the filters stand in the address."""
    form = _form(request)
    before = request.GET.get("before", "")
    start = int(before) if EVENT_KEY.fullmatch(before) else None
    page = read_log(request.company.pk, form.chosen, before=start)
    query = request.GET.copy()
    query.pop("before", None)
    newest = query.urlencode()
    query["before"] = str(page.older_than)
    context = {
        "form": form,
        "rows": list(describe_each(page.events)),
        "newest": newest if before else None,
        "older": query.urlencode() if page.older_than else "",
        "query": newest,
        "may_export": Permission.AUDIT_EXPORT in request.permissions,
        "people": list_active_members(request.company.pk, at=request.now, limit=SUGGESTIONS),
    }
    return render(request, "companies/log.html", context)


@require_POST
@company_page(Permission.AUDIT_EXPORT)
def export(request: CompanyRequest) -> HttpResponseBase:
    """Hand out the filtered log as a file, row by row, and say so in the log."""
    chosen = _form(request).chosen
    record_export(
        company=request.company.ref,
        description=chosen.description,
        actor=request.actor,
        now=request.now,
    )
    language = translation.get_language() or "sv"
    lines = _write(request.company, chosen, language)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"logg-{request.company.org_number}-{local_date(request.now)}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _form(request: CompanyRequest) -> LogForm:
    given = {name: request.GET[name] for name in FILTERS if name in request.GET}
    find_person = partial(find_person_ever_in, request.company.pk)
    return LogForm(given, find_person=find_person, today=local_date(request.now))


class _Line:
    """What the csv writer writes to: hands each line straight on."""

    def write(self, text: str) -> str:
        return text


def _write(company: Company, chosen: LogFilter, language: str) -> Iterator[str]:
    writer: Any = csv.writer(_Line(), delimiter=";")
    # The answer is sent after the middleware has put the language away.
    with translation.override(language):
        yield BYTE_ORDER_MARK + writer.writerow(list_columns())
        for cells in list_cells(iterate_log(company.pk, chosen)):
            yield writer.writerow(cells)
