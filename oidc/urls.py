"""The provider's addresses. The discovery document names them; they never change."""

from django.urls import path

from oidc.views import authorize, consents, end_session, metadata, par, token, userinfo

urlpatterns = [
    path(".well-known/oauth-authorization-server/oidc", metadata.discovery, name="oidc_metadata"),
    path("oidc/.well-known/openid-configuration", metadata.discovery, name="oidc_discovery"),
    path("oidc/jwks", metadata.jwks, name="oidc_jwks"),
    path("oidc/par", par.push, name="oidc_par"),
    path("oidc/token", token.token, name="oidc_token"),
    path("oidc/introspect", token.introspect, name="oidc_introspect"),
    path("oidc/revoke", token.revoke, name="oidc_revoke"),
    path("oidc/userinfo", userinfo.userinfo, name="oidc_userinfo"),
    path("oidc/authorize", authorize.authorize, name="oidc_authorize"),
    path("oidc/authorize/company", authorize.choose_company, name="oidc_choose_company"),
    path("oidc/authorize/search", authorize.search_companies, name="oidc_search_companies"),
    path("oidc/authorize/keep", authorize.keep_account, name="oidc_keep_account"),
    path("oidc/authorize/switch", authorize.switch_account, name="oidc_switch_account"),
    path("oidc/authorize/allow", authorize.give_consent, name="oidc_give_consent"),
    path("oidc/authorize/deny", authorize.refuse_consent, name="oidc_refuse_consent"),
    path("oidc/authorize/second-factor", authorize.set_up_second_factor, name="oidc_set_up"),
    path("oidc/authorize/one-factor", authorize.refuse_second_factor, name="oidc_one_factor"),
    path("oidc/authorize/back", authorize.go_back, name="oidc_go_back"),
    path("oidc/end-session", end_session.end_session, name="oidc_end_session"),
    path("oidc/end-session/confirm", end_session.confirm_logout, name="oidc_confirm_logout"),
    path("oidc/signed-out", end_session.signed_out, name="oidc_signed_out"),
    path("account/services/", consents.list_consents, name="oidc_consents"),
    path(
        "account/services/<str:client_id>/withdraw/",
        consents.withdraw,
        name="oidc_withdraw_consent",
    ),
]
