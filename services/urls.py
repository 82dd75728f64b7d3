"""Addresses of the services of a company."""

from django.urls import URLPattern, URLResolver, path

from services.views import (
    bulk,
    clients,
    firms,
    handover,
    mandates,
    pictures,
    requests,
    reviews,
    seats,
)

app_name = "services"

_COMPANY = "c/<uuid:company_id>/"
_MANDATE = f"{_COMPANY}mandates/<uuid:mandate_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("pictures/<slug:slug>/<str:sha256>.webp", pictures.picture, name="picture"),
    path(f"{_COMPANY}firms/", firms.firms, name="firms"),
    path(f"{_COMPANY}firms/ask/", requests.ask_firm, name="ask_firm"),
    path(f"{_COMPANY}firms/people/", firms.insight, name="insight"),
    path(f"{_COMPANY}firms/people/<uuid:user_id>/block/", firms.block, name="block"),
    path(f"{_COMPANY}firms/blocks/<uuid:block_id>/end/", firms.unblock, name="unblock"),
    path(f"{_COMPANY}clients/ask/", requests.ask_client, name="ask_client"),
    path(f"{_COMPANY}clients/ask-many/", bulk.request_many, name="request_many"),
    path(f"{_COMPANY}clients/ask-many/send/", bulk.send_requests, name="send_requests"),
    path(f"{_COMPANY}clients/ask-many/faults/", bulk.request_faults, name="request_faults"),
    path(f"{_COMPANY}clients/assign-many/", bulk.assign_many, name="assign_many"),
    path(f"{_COMPANY}clients/assign-many/do/", bulk.assign_all, name="assign_all"),
    path(f"{_COMPANY}clients/assign-many/faults/", bulk.assign_faults, name="assign_faults"),
    path(f"{_COMPANY}clients/review/", reviews.review, name="review"),
    path(f"{_COMPANY}clients/review/keep/", reviews.keep, name="keep_reviewed"),
    path(f"{_COMPANY}clients/review/end/", reviews.end, name="end_reviewed"),
    path(_MANDATE, mandates.mandate, name="mandate"),
    path(f"{_MANDATE}approve/", mandates.approve, name="approve_mandate"),
    path(f"{_MANDATE}decline/", mandates.decline, name="decline_mandate"),
    path(f"{_MANDATE}withdraw/", mandates.withdraw, name="withdraw_mandate"),
    path(f"{_MANDATE}end/", mandates.end, name="end_mandate"),
    path(f"{_MANDATE}lead/", mandates.change_lead, name="change_lead"),
    path(f"{_MANDATE}assign/", clients.assign, name="assign"),
    path(f"{_MANDATE}assignments/<uuid:assignment_id>/end/", clients.end, name="end_assignment"),
    path("c/<uuid:company_id>/services/", seats.overview, name="overview"),
    path("c/<uuid:company_id>/services/<slug:slug>/", seats.detail, name="detail"),
    path("c/<uuid:company_id>/services/<slug:slug>/open/", seats.open_service, name="open"),
    path("c/<uuid:company_id>/services/<slug:slug>/seats/", seats.give_seat, name="give_seat"),
    path(
        "c/<uuid:company_id>/services/<slug:slug>/seats/<uuid:seat_id>/release/",
        seats.release,
        name="release_seat",
    ),
    path(
        "c/<uuid:company_id>/services/<slug:slug>/seats/<uuid:seat_id>/move/",
        handover.move,
        name="move_seat",
    ),
    path(
        "c/<uuid:company_id>/members/<uuid:membership_id>/hand-over/",
        handover.hand_over,
        name="hand_over",
    ),
]
