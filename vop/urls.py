"""Every address of the platform. Company pages carry their company: `/c/<company_id>/…`."""

from django.contrib import admin
from django.urls import include, path

from vop import middleware, views

urlpatterns = [
    path("", include("oidc.urls")),  # first, because asked for most: resolving walks down this list
    path("", views.home, name="home"),
    path("c/<uuid:company_id>/", views.company_home, name="company_home"),
    path("", include("accounts.urls")),
    path("", include("companies.urls")),
    path("", include("services.urls")),
    path("", include("billing.urls")),
    path("", include("stats.urls")),
    path("language/", include("django.conf.urls.i18n")),
    path("theme/", views.set_theme, name="set_theme"),
    path("admin/", admin.site.urls),
    path("-/live", middleware.answer_live, name="live"),
    path("-/ready", middleware.answer_ready, name="ready"),
    path("-/metrics", middleware.answer_metrics, name="metrics"),
]

handler400 = "vop.views.bad_request"
handler403 = "vop.views.permission_denied"
handler404 = "vop.views.page_not_found"
handler429 = "accounts.views.too_many_requests"  # found by the sign-in library
handler500 = "vop.views.server_error"
