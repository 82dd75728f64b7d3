"""Addresses of the statistics. Those for staff stand below /admin/ and are guarded as it is."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from stats import views

app_name = "stats"

guard = admin.site.admin_view

urlpatterns: list[URLPattern | URLResolver] = [
    path("c/<uuid:company_id>/statistics/", views.company, name="company"),
    path(
        "c/<uuid:company_id>/statistics/sign-ins-by-hour.csv",
        views.company_hours,
        name="company_hours",
    ),
    path(
        "c/<uuid:company_id>/statistics/sign-ins-by-day.csv",
        views.company_days,
        name="company_days",
    ),
    path("admin/statistics/", guard(views.staff), name="staff"),
    path("admin/statistics/sign-ins-by-hour.csv", guard(views.staff_hours), name="staff_hours"),
    path("admin/statistics/sign-ins-by-day.csv", guard(views.staff_days), name="staff_days"),
]
