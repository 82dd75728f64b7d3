"""Who may open the addresses of accounts: everybody their own, and the way in for all."""

from collections.abc import Mapping

from tests.matrix.rules import (
    ANONYMOUS,
    GET,
    POST,
    Lookup,
    Outcome,
    Rule,
    exactly,
    public,
    signed_in,
)

_FOR_WHO_STANDS_IN_THE_DOOR = exactly(
    {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}, GET, POST, otherwise=Outcome.LET_IN
)
# What is shown only to people with an authenticator app; in the matrix nobody has one.
_FOR_PEOPLE_WITH_AN_APP = exactly(
    {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}, otherwise=Outcome.NOT_FOUND
)

RULES: Mapping[str, Rule] = {
    "account_login": public(GET, POST),
    "mfa_authenticate": _FOR_WHO_STANDS_IN_THE_DOOR,
    "account_email_verification_sent": _FOR_WHO_STANDS_IN_THE_DOOR,
    "account_inactive": public(),
    "account_logout": exactly({}, POST, otherwise=Outcome.ASKED_TO_SIGN_IN),  # they are out then
    "account_signup": exactly(
        {ANONYMOUS: Outcome.FORBIDDEN}, GET, POST, otherwise=Outcome.LET_IN
    ),  # without an invitation
    "account_reset_password": public(GET, POST),
    "account_reset_password_done": public(),
    "account_reset_password_from_key": public(GET, POST),
    "account_reset_password_from_key_done": public(),
    "account_email": signed_in(GET, POST),
    "account_change_password": signed_in(GET, POST),
    "account_set_password": signed_in(GET, POST),
    "account_reauthenticate": signed_in(GET, POST),
    "mfa_reauthenticate": signed_in(GET, POST),
    "mfa_index": public(),  # leads on
    "mfa_activate_totp": signed_in(GET, POST),
    "mfa_generate_recovery_codes": signed_in(GET, POST),
    "mfa_deactivate_totp": _FOR_PEOPLE_WITH_AN_APP,
    "mfa_view_recovery_codes": _FOR_PEOPLE_WITH_AN_APP,
    "mfa_download_recovery_codes": _FOR_PEOPLE_WITH_AN_APP,
    "accounts:profile": signed_in(GET, POST),
    "accounts:security": signed_in(),
    "accounts:go_on": signed_in(),
    "accounts:end_other_sessions": signed_in(POST),
    "accounts:end_session": exactly(  # of somebody else, or gone
        {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}, POST, otherwise=Outcome.NOT_FOUND
    ),
    "well_known_change_password": public(),  # leads on
    "security_txt": public(),
}
ARGUMENTS: Mapping[str, Lookup] = {
    "uidb36": lambda _world: "1",
    "key": lambda _world: "made-up",
    "ref": lambda _world: "00000000-0000-4000-8000-000000000000",
}
