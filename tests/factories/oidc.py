from typing import Any

from oidc.models import AuthMethod, ClientProfile
from oidc.operations.clients import ClientFacts, register_client
from services.models import Service
from tests.factories.companies import LONG_AGO, SYSTEM

CALLBACK = "http://localhost:8002/callback"
SIGNED_OUT = "http://localhost:8002/signed-out"


def make_client(
    service: Service, *, client_id: str = "", secret: str = "", **facts: Any
) -> tuple[ClientProfile, str]:
    """A client of a service, and its secret."""
    facts = {
        "name": service.name,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [SIGNED_OUT],
        "auth_method": AuthMethod.BASIC,
        **facts,
    }
    return register_client(
        service=service,
        facts=ClientFacts(**facts),
        actor=SYSTEM,
        now=LONG_AGO,
        client_id=client_id,
        secret=secret,
    )
