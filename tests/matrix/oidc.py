"""Who may open the addresses of oidc."""

from collections.abc import Mapping

from tests.matrix.rules import (
    ANONYMOUS,
    POST,
    Lookup,
    Outcome,
    Rule,
    exactly,
    provider,
    public,
    signed_in,
)

# Without a client or a token nobody gets in; a person's answer counts only with the signed
# request that was shown to that very person in that very session (tests/oidc).
RULES: Mapping[str, Rule] = {
    "oidc_metadata": public(),
    "oidc_discovery": public(),
    "oidc_jwks": public(),
    "oidc_par": provider(POST),
    "oidc_token": provider(POST),
    "oidc_introspect": provider(POST),
    "oidc_revoke": provider(POST),
    "oidc_userinfo": provider(),
    "oidc_authorize": provider(),
    "oidc_choose_company": provider(POST),
    "oidc_search_companies": provider(POST),
    "oidc_keep_account": provider(POST),
    "oidc_switch_account": provider(POST),
    "oidc_give_consent": provider(POST),
    "oidc_refuse_consent": provider(POST),
    "oidc_set_up": provider(POST),
    "oidc_one_factor": provider(POST),
    "oidc_go_back": provider(POST),
    "oidc_end_session": public(),
    "oidc_confirm_logout": provider(POST),
    "oidc_consents": signed_in(),
    # A service that the person never let in is none for them.
    "oidc_withdraw_consent": exactly(
        {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN},
        POST,
        otherwise=Outcome.NOT_FOUND,
        arguments={"client_id": lambda _world: "never-let-in"},
    ),
    "oidc_signed_out": public(),
}
ARGUMENTS: Mapping[str, Lookup] = {}
