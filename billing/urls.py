"""Addresses of buying, subscriptions and invoice bases."""

from django.urls import URLPattern, URLResolver, path

from billing import views

app_name = "billing"

urlpatterns: list[URLPattern | URLResolver] = [
    path("c/<uuid:company_id>/clients/", views.clients, name="clients"),
    path("c/<uuid:company_id>/clients/export/", views.export_clients, name="export_clients"),
    path("c/<uuid:company_id>/buy/", views.catalogue, name="catalogue"),
    path("c/<uuid:company_id>/buy/<slug:plan_code>/", views.buy, name="buy"),
    path(
        "c/<uuid:company_id>/buy/<slug:plan_code>/confirm/",
        views.confirm_order,
        name="confirm_order",
    ),
    path("c/<uuid:company_id>/company/close/", views.close, name="close_company"),
    path("c/<uuid:company_id>/seats/", views.seat_matrix, name="seat_matrix"),
    path("c/<uuid:company_id>/seats/save/", views.save_seat_matrix, name="save_seat_matrix"),
    path("c/<uuid:company_id>/terms/<slug:version>/", views.terms, name="terms"),
    path("c/<uuid:company_id>/subscriptions/", views.subscriptions, name="subscriptions"),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/seats/",
        views.seats,
        name="seats",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/seats/unused/",
        views.unused_seats,
        name="unused_seats",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/seats/confirm/",
        views.confirm_seats,
        name="confirm_seats",
    ),
    path("c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/plan/", views.plan, name="plan"),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/plan/confirm/",
        views.confirm_plan,
        name="confirm_plan",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/payer/",
        views.payer,
        name="payer",
    ),
    path("c/<uuid:company_id>/clients/payments/", views.payments, name="payments"),
    path(
        "c/<uuid:company_id>/clients/<uuid:mandate_id>/pay/",
        views.give_consent,
        name="give_consent",
    ),
    path(
        "c/<uuid:company_id>/clients/<uuid:mandate_id>/stop-paying/",
        views.withdraw_consent,
        name="withdraw_consent",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/references/",
        views.references,
        name="references",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/cancel/",
        views.cancel,
        name="cancel",
    ),
    path(
        "c/<uuid:company_id>/subscriptions/<uuid:subscription_id>/undo-cancel/",
        views.undo_cancel,
        name="undo_cancel",
    ),
    path("api/billing/v1/bases", views.api_bases, name="api_bases"),
    path("api/billing/v1/bases/<uuid:basis_id>", views.api_basis, name="api_basis"),
    path("api/billing/v1/bases/<uuid:basis_id>/ubl", views.api_ubl, name="api_ubl"),
    path("api/billing/v1/bases/<uuid:basis_id>/receipt", views.api_receipt, name="api_receipt"),
    path("c/<uuid:company_id>/invoices/", views.bases, name="bases"),
    path("c/<uuid:company_id>/invoices/<uuid:basis_id>/", views.basis, name="basis"),
    path("c/<uuid:company_id>/invoices/<uuid:basis_id>/pdf/", views.basis_pdf, name="basis_pdf"),
    path("c/<uuid:company_id>/invoices/<uuid:basis_id>/csv/", views.basis_csv, name="basis_csv"),
]
