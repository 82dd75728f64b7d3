"""The quarterly access review of a firm: how far it is, and an answer to each assignment."""

import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from companies.access import get_review_for
from companies.http import CompanyRequest, company_page
from companies.models import AccessReview, Membership, Permission, ReviewItem
from companies.operations import end_reviewed, keep_reviewed
from companies.queries import count_review, get_review, list_review_items
from services.queries import map_assigned
from vop.lib.errors import DomainError, NotFound

ITEMS_PER_PAGE = 100


@require_http_methods(["GET", "HEAD", "POST"])
@company_page(Permission.ASSIGNMENT_CREATE)
def review(request: CompanyRequest) -> HttpResponse:
    """Show the latest review: what waits for an answer, or all of it.

    Posted to, it changes nothing: it shows again what was ticked, after an answer that was refused.
    """
    if not request.company.is_firm:
        raise NotFound
    found = get_review(request.company.pk)
    shows_all = request.GET.get("show") == "all"
    context = {
        "review": found,
        "shows_all": shows_all,
        "keep_url": _address("keep_reviewed", request),
        "end_url": _address("end_reviewed", request),
        **(_describe(request, found, shows_all=shows_all) if found else {}),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render(request, "services/review.html", context, status=status)


@require_POST
@company_page(Permission.ASSIGNMENT_CREATE)
def keep(request: CompanyRequest) -> HttpResponse:
    """Confirm what was ticked."""
    return _answer(
        request,
        keep_reviewed,
        lambda count: ngettext("%(count)s confirmed.", "%(count)s confirmed.", count),
    )


@require_POST
@company_page(Permission.ASSIGNMENT_CREATE)
def end(request: CompanyRequest) -> HttpResponse:
    """End what was ticked."""
    return _answer(
        request,
        end_reviewed,
        lambda count: ngettext(
            "%(count)s assignment ended.", "%(count)s assignments ended.", count
        ),
    )


class NothingTickedError(DomainError):
    message = gettext_lazy("Tick at least one assignment that waits for an answer.")


def _answer(
    request: CompanyRequest, decide: Callable[..., int], tell: Callable[[int], str]
) -> HttpResponse:
    """Let an operation decide on the ticked items; tell how many, or why not and keep the ticks."""
    found = get_review_for(request.company)
    try:
        count = decide(
            review=found,
            items=_ticked(request, found),
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
        if not count:
            raise NothingTickedError
    except DomainError as error:
        messages.error(request, str(error.message))
        return redirect(_address("review", request), preserve_request=True)
    messages.success(request, tell(count) % {"count": count})
    return redirect(_address("review", request))


def _address(name: str, request: CompanyRequest) -> str:
    """Return a page of the review, of the part of it that is shown."""
    return reverse(f"services:{name}", args=[request.company.pk], query=request.GET)


def _ticked(request: CompanyRequest, found: AccessReview) -> Sequence[ReviewItem]:
    keys = {key for text in request.POST.getlist("item") if (key := _read_key(text))}
    return list(list_review_items(found, _lead(request)).filter(pk__in=keys))


def _read_key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _lead(request: CompanyRequest) -> Membership | None:
    """Return whose clients alone are shown; nobody's for those who manage all."""
    return None if Permission.MANDATE_REQUEST in request.permissions else request.membership


def _describe(
    request: CompanyRequest, found: AccessReview, *, shows_all: bool
) -> dict[str, object]:
    items = list_review_items(found, _lead(request))
    if not shows_all:
        items = items.waiting(request.now)
    page = Paginator(items, ITEMS_PER_PAGE).get_page(request.GET.get("page"))
    covered = map_assigned([item.assignment for item in page])
    ticked = request.POST.getlist("item")
    return {
        "page_obj": page,
        "progress": count_review(found, at=request.now),
        "is_over": found.is_over(request.now),
        "rows": [
            {
                "item": item,
                "assignment": item.assignment,
                "covered": covered[item.assignment_id],
                "is_waiting": not item.decision and item.assignment.is_open(request.now),
                "is_mine": item.user_id == request.user.pk,
                "is_ticked": str(item.pk) in ticked,
            }
            for item in page
        ],
    }
