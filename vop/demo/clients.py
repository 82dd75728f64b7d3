"""The demo's registered services: one for each way in which a client can prove who it is."""

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from jwt.algorithms import ECAlgorithm
from oidc_provider.models import Client

from oidc.models import AuthMethod, ClientProfile
from oidc.operations.clients import ClientFacts, register_client
from services.models import Service
from vop.demo.people import SYSTEM, make_secret
from vop.demo.world import SERVICES, DemoService


def make_clients(now: datetime) -> None:
    """Register a client for each service of the demo."""
    for demo in SERVICES:
        register_client(
            service=Service.objects.get(slug=demo.slug),
            facts=ClientFacts(
                name=f"{demo.name} (demo)",
                redirect_uris=[_address(demo, "callback")],
                post_logout_redirect_uris=[_address(demo, "signed-out")],
                auth_method=demo.auth_method,
                backchannel_logout_uri=_back_channel(demo),
                frontchannel_logout_uri=_front_channel(demo),
                jwks=_public_jwks(demo) if _signs(demo) else None,
            ),
            client_id=_client_id(demo),
            secret=_secret(demo) if has_secret(demo.auth_method) else "",
            actor=SYSTEM,
            now=now,
        )


def follow_addresses() -> None:
    """Let clients and tiles follow the demo's service to where it runs today (PORT may change)."""
    for demo in SERVICES:
        client = Client.objects.get(client_id=_client_id(demo))
        client.redirect_uris = [_address(demo, "callback")]
        client.post_logout_redirect_uris = [_address(demo, "signed-out")]
        client.save()
        ClientProfile.objects.filter(client=client).update(
            backchannel_logout_uri=_back_channel(demo),
            frontchannel_logout_uri=_front_channel(demo),
        )
        Service.objects.filter(slug=demo.slug).update(launch_url=_address(demo, ""))


def describe_clients() -> list[dict[str, Any]]:
    """Return what a relying party needs to act as one of the demo's services."""
    return [_describe(demo) for demo in SERVICES]


def _describe(demo: DemoService) -> dict[str, Any]:
    client = ClientProfile.objects.select_related("client").get(client__client_id=_client_id(demo))
    described: dict[str, Any] = {
        "client_id": client.client.client_id,
        "client_secret": _secret(demo) if has_secret(demo.auth_method) else None,
        "auth_method": demo.auth_method,
        "service": demo.slug,
        "service_name": demo.name,
        "redirect_uris": client.client.redirect_uris,
        "post_logout_redirect_uris": client.client.post_logout_redirect_uris,
    }
    if _signs(demo):
        described["private_jwk"] = make_jwk(_client_id(demo), make_private_key(_secret(demo)))
    return described


def _address(demo: DemoService, page: str) -> str:
    return f"{settings.DEMO_SERVICE_URL}/{demo.slug}/{page}"


def _back_channel(demo: DemoService) -> str:
    return "" if demo.auth_method == AuthMethod.NONE else _address(demo, "backchannel-logout")


def _front_channel(demo: DemoService) -> str:
    """A public client is an app in the browser, where only the browser can tell it."""
    return _address(demo, "frontchannel-logout") if demo.auth_method == AuthMethod.NONE else ""


def _client_id(demo: DemoService) -> str:
    return f"demo-{demo.slug}"


def _secret(demo: DemoService) -> str:
    return make_secret(f"client:{demo.slug}")


def has_secret(auth_method: str) -> bool:
    """Tell whether a client proves itself by a secret."""
    return auth_method in {AuthMethod.BASIC, AuthMethod.POST}


def _signs(demo: DemoService) -> bool:
    return demo.auth_method == AuthMethod.PRIVATE_KEY_JWT


def make_private_key(secret: str) -> ec.EllipticCurvePrivateKey:
    """Return the key that a secret stands for: the same each time."""
    # Any number below the order of the curve is a key; 240 bits always are.
    return ec.derive_private_key(int(secret[:60], 16), ec.SECP256R1())


def make_jwk(
    client_id: str, key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey
) -> dict[str, Any]:
    """Return a client's key as a JSON Web Key."""
    described = ECAlgorithm.to_jwk(key, as_dict=True)
    return {**described, "kid": f"{client_id}-1", "alg": "ES256", "use": "sig"}


def _public_jwks(demo: DemoService) -> dict[str, Any]:
    return {"keys": [make_jwk(_client_id(demo), make_private_key(_secret(demo)).public_key())]}
