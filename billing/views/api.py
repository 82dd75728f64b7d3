"""The API of the accounts (docs/billing.md): bases to read, and a receipt for each."""

import uuid
from http import HTTPStatus

from django.http import HttpResponse
from django.urls import reverse

from billing.access import get_issued_basis
from billing.forms import MOST_BASES, BasesQuery, ReceiptForm
from billing.http import NO_STORE, ErpRequest, Problem, erp_endpoint, json_response, read_json
from billing.models import InvoiceBasis
from billing.operations import acknowledge_basis
from billing.queries import get_basis_page, get_receipt, list_approved, list_credited
from billing.rendering import describe_document, describe_receipt, describe_summary, render_ubl


@erp_endpoint("GET")
def api_bases(request: ErpRequest) -> HttpResponse:
    """List approved bases by series and number; `next` leads on as long as there are more."""
    query = BasesQuery(request.GET)
    if not query.is_valid():
        raise Problem(HTTPStatus.BAD_REQUEST, _name_faults(query))
    asked = query.cleaned_data
    limit = asked["limit"] or MOST_BASES
    bases = list(
        list_approved(
            series=asked["series"],
            after=query.place,
            only_unacknowledged=asked["state"] == "unacknowledged",
        )[: limit + 1]
    )
    shown = bases[:limit]
    following = None
    if len(bases) > limit:
        left = request.GET.copy()
        left["after"] = shown[-1].label
        following = f"{request.path}?{left.urlencode()}"
    return json_response({"bases": [_summarize(basis) for basis in shown], "next": following})


@erp_endpoint("GET")
def api_basis(request: ErpRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Tell everything of one basis, as the webhook does, and its receipt."""
    basis = get_issued_basis(basis_id)
    document = describe_document(get_basis_page(basis), list_credited(basis))
    return json_response({**document, "receipt": describe_receipt(get_receipt(basis))})


@erp_endpoint("GET")
def api_ubl(request: ErpRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Send one basis as UBL."""
    basis = get_issued_basis(basis_id)
    document = render_ubl(get_basis_page(basis), list_credited(basis))
    return HttpResponse(document, content_type="application/xml", headers=NO_STORE)


@erp_endpoint("GET", "PUT")
def api_receipt(request: ErpRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Take the receipt of a basis; the same one again is answered alike."""
    basis = get_issued_basis(basis_id)
    receipt = get_receipt(basis)
    if request.method == "PUT":
        form = ReceiptForm(read_json(request))
        if not form.is_valid():
            raise Problem(HTTPStatus.BAD_REQUEST, _name_faults(form))
        receipt = acknowledge_basis(
            basis=basis,
            connection=request.connection,
            facts=form.facts,
            actor=request.actor,
            now=request.now,
        )
    return json_response({"receipt": describe_receipt(receipt)})


def _summarize(basis: InvoiceBasis) -> dict[str, object]:
    return {
        **describe_summary(basis),
        "url": reverse("billing:api_basis", args=[basis.pk]),
        "receipt": describe_receipt(getattr(basis, "receipt", None)),
    }


def _name_faults(form: BasesQuery | ReceiptForm) -> str:
    return "; ".join(
        f"{name}: {' '.join(map(str, faults))}" for name, faults in form.errors.items()
    )
