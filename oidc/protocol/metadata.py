"""What the provider says about itself (OpenID Connect Discovery 1.0, RFC 8414)."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from accounts.queries import ACR_ONE_FACTOR, ACR_TWO_FACTORS
from oidc.models import Algorithm, AuthMethod, GrantType

SCOPES: Mapping[str, str] = {
    "openid": "sign in",
    "profile": "name and language",
    "email": "e-mail address",
    "offline_access": "stay signed in",
}
ASSERTION_ALGS = ("ES256", "PS256", "RS256", "EdDSA")
FAPI_ALGS = ("ES256", "PS256", "EdDSA")
DPOP_ALGS = FAPI_ALGS
PROMPTS = ("none", "login", "consent", "select_account", "create")
RESPONSE_MODES = ("query", "form_post", "jwt", "query.jwt", "form_post.jwt")
_CLAIMS = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "azp", "sid", "amr", "acr",
    "company", "roles", "packages", "via", "act",
    "customer_id", "customer_no", "customer_name", "orgno", "customer_country_code",
    "name", "locale", "zoneinfo", "email", "email_verified",
)  # fmt: skip


def build_metadata(issuer: str) -> Mapping[str, Any]:
    """Return the discovery document; the issuer comes from the settings, never from a header."""
    methods = [method.value for method in AuthMethod]
    confidential = [method for method in methods if method != AuthMethod.NONE]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "end_session_endpoint": f"{issuer}/end-session",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": False,  # some clients must
        "scopes_supported": list(SCOPES),
        "claims_supported": list(_CLAIMS),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [grant.value for grant in GrantType],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [alg.value for alg in Algorithm],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGS),
        "dpop_signing_alg_values_supported": list(DPOP_ALGS),
        "request_object_signing_alg_values_supported": list(FAPI_ALGS),  # pushed ones only
        "authorization_signing_alg_values_supported": [alg.value for alg in Algorithm],
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGS),
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [ACR_TWO_FACTORS, ACR_ONE_FACTOR],
        "prompt_values_supported": list(PROMPTS),
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": [code for code, _name in settings.LANGUAGES],
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
    }
