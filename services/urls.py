"""Addresses of the services of a company."""

from django.urls import URLPattern, URLResolver, path

from services.views import handover, mandates, seats

app_name = "services"

_MANDATE = "c/<uuid:company_id>/mandates/<uuid:mandate_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(_MANDATE, mandates.mandate, name="mandate"),
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
