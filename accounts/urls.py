"""Signing in and one's own account.

The sign-in library finds its pages by its own names (account_…, mfa_…); every one that it may
lead to stands here, and no other.
"""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from accounts import views

own_pages = [
    path("", views.profile, name="profile"),
    path("security/", views.security, name="security"),
    path("confirm/go-on/", views.go_on, name="go_on"),
    path("security/sessions/end-others/", views.end_other_sessions, name="end_other_sessions"),
    path("security/sessions/<uuid:ref>/end/", views.end_session, name="end_session"),
]

proofs = [
    path("email/", views.change_email, name="account_email"),
    path("security/password/", views.change_password, name="account_change_password"),
    path("security/password/first/", views.set_password, name="account_set_password"),
    path("confirm/", views.confirm_by_password, name="account_reauthenticate"),
    path("confirm/code/", views.confirm_by_code, name="mfa_reauthenticate"),
    path(
        "security/second-factor/",
        RedirectView.as_view(pattern_name="accounts:security"),
        name="mfa_index",
    ),
    path("security/app/add/", views.add_totp, name="mfa_activate_totp"),
    path("security/app/remove/", views.remove_totp, name="mfa_deactivate_totp"),
    path("security/recovery-codes/", views.show_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "security/recovery-codes/new/",
        views.make_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "security/recovery-codes/download/",
        views.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]

reset = [
    path("", views.request_password_reset, name="account_reset_password"),
    path("sent/", views.password_reset_sent, name="account_reset_password_done"),
    path("done/", views.password_was_reset, name="account_reset_password_from_key_done"),
    re_path(
        r"^(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.choose_password,
        name="account_reset_password_from_key",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.sign_in, name="account_login"),
    path("login/code/", views.second_step, name="mfa_authenticate"),
    path("login/verify/", views.verify_email, name="account_email_verification_sent"),
    path("login/deactivated/", views.deactivated, name="account_inactive"),
    path("logout/", views.sign_out, name="account_logout"),
    path("signup/", views.sign_up, name="account_signup"),
    path("password/reset/", include(reset)),
    path("account/", include(proofs)),
    path("account/", include((own_pages, "accounts"))),
    path(
        ".well-known/change-password",
        RedirectView.as_view(pattern_name="account_change_password"),
        name="well_known_change_password",
    ),
    path(".well-known/security.txt", views.security_txt, name="security_txt"),
]
