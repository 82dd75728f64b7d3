"""The list of members as a file, as the page shows it: searched, or all of it."""

from collections.abc import Iterator, Sequence

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from companies import operations
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.queries import find_members
from companies.rendering import list_member_cells, list_member_columns
from vop.lib.clock import local_date
from vop.lib.tables import WORKBOOK, write_csv, write_workbook

CHUNK = 500


@require_POST
@company_page(Permission.MEMBER_VIEW)
def export_csv(request: CompanyRequest) -> HttpResponse:
    """Hand out a CSV file, and say so in the log."""
    return _answer(request, write_csv(_rows(request)), "text/csv; charset=utf-8", "csv")


@require_POST
@company_page(Permission.MEMBER_VIEW)
def export_xlsx(request: CompanyRequest) -> HttpResponse:
    """Hand out a workbook, and say so in the log."""
    return _answer(request, write_workbook(_("Members"), _rows(request)), WORKBOOK, "xlsx")


def _rows(request: CompanyRequest) -> Iterator[Sequence[str]]:
    yield list_member_columns()
    members = find_members(request.company.pk, request.GET.get("q", ""), at=request.now)
    for member in members.iterator(chunk_size=CHUNK):
        yield list_member_cells(member, at=request.now)


def _answer(
    request: CompanyRequest, content: str | bytes, content_type: str, kind: str
) -> HttpResponse:
    operations.record_export(
        acting=request.membership, kind=kind, actor=request.actor, now=request.now
    )
    response = HttpResponse(content, content_type=content_type)
    name = f"medlemmar-{request.company.org_number}-{local_date(request.now)}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
