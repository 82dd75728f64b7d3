"""A nightly run without a person: it acts for the one company that its client is bound to."""

import os

import requests

ISSUER = os.environ["ISSUER"]
CLIENT = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])


def get_token(scope: str) -> str:
    """Return an access token; it lives at most ten minutes, so ask for the next one then."""
    answer = requests.post(
        f"{ISSUER}/token",
        {"grant_type": "client_credentials", "scope": scope},
        auth=CLIENT,
        timeout=10,
    )
    body = answer.json()
    if "error" in body:
        raise PermissionError(f"{body['error']}: {body.get('error_description', '')}")
    return str(body["access_token"])
