"""Addresses of the services of a company."""

from django.urls import URLPattern, URLResolver, path

from services import views

app_name = "services"

urlpatterns: list[URLPattern | URLResolver] = [
    path("c/<uuid:company_id>/services/", views.overview, name="overview"),
    path("c/<uuid:company_id>/services/<slug:slug>/", views.detail, name="detail"),
    path("c/<uuid:company_id>/services/<slug:slug>/open/", views.open_service, name="open"),
    path("c/<uuid:company_id>/services/<slug:slug>/seats/", views.give_seat, name="give_seat"),
    path(
        "c/<uuid:company_id>/services/<slug:slug>/seats/<uuid:seat_id>/release/",
        views.release,
        name="release_seat",
    ),
]
