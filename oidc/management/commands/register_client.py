"""The command `manage.py register_client`."""

import json
import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from auditlog.actors import Actor
from companies.models import Company
from companies.queries import get_company_by_number
from oidc.models import Algorithm, AuthMethod, ClientProfile, GrantType, Profile, RefreshPolicy
from oidc.operations.clients import ClientFacts, register_client
from oidc.operations.keys import ensure_signing_keys
from oidc.protocol.metadata import SCOPES
from services.queries import get_service
from vop.lib.errors import DomainError

_SCOPE = re.compile(r"[!#-\[\]-~]{1,100}")  # RFC 6749 3.3


class Command(BaseCommand):
    help = "Register a relying party of a service. Prints its client_id and, this once, its secret."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--service", required=True, metavar="SLUG", help="the service that signs people in")
        add("--name", required=True, help="what people read")
        add("--redirect-uri", default=[], nargs="+", action="extend", metavar="U")
        add("--post-logout-redirect-uri", nargs="+", action="extend", default=[], metavar="U")
        add("--frontchannel-logout-uri", default="", metavar="U")
        add("--backchannel-logout-uri", default="", metavar="U")
        add("--auth-method", choices=AuthMethod.values, default=AuthMethod.BASIC.value)
        keys = parser.add_mutually_exclusive_group()
        keys.add_argument("--jwks", type=Path, metavar="FILE", help="the client's public keys")
        keys.add_argument("--jwks-uri", default="", metavar="U", help="where they are published")
        add("--profile", choices=Profile.values, default=Profile.OIDC.value)
        add("--no-require-pkce", action="store_true", help="for confidential clients only")
        add("--require-par", action="store_true", help="only pushed requests (fapi2: always)")
        add("--require-signed-request", action="store_true", help="only signed requests (JAR)")
        add("--require-dpop", action="store_true", help="only key-bound tokens (fapi2: always)")
        add("--grant", nargs="+", action="extend", choices=GrantType.values, metavar="G")
        add("--id-token-alg", choices=Algorithm.values, default="", help="RS256; fapi2: ES256")
        add("--always-refresh", action="store_true", help="also without offline_access")
        add("--customer-claims", action="store_true", help="also customer_id, orgno and so on")
        add("--company", metavar="ORGNO", help="whom client_credentials acts for")
        add("--scope", nargs="+", action="extend", metavar="S", help="beside those of signing in")
        add("--require-second-factor", action="store_true", help="ask everybody for one")
        add("--second-factor-max-age", type=int, metavar="SECONDS", help="and that recently")
        add("--json", action="store_true", help="print JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        service = get_service(options["service"])
        if service is None:
            raise CommandError(f"There is no service {options['service']!r}.")
        now = timezone.now()
        try:
            client, secret = register_client(
                service=service,
                facts=_read_facts(options),
                actor=Actor.system("register_client"),
                now=now,
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        ensure_signing_keys(now=now)
        self._tell(client, secret, as_json=options["json"])

    def _tell(self, client: ClientProfile, secret: str, *, as_json: bool) -> None:
        facts = {
            "client_id": client.client_id_text,
            "client_secret": secret or None,
            "auth_method": client.auth_method,
            "service": client.service.slug,
            "redirect_uris": client.redirect_uris,
            "post_logout_redirect_uris": client.post_logout_redirect_uris,
        }
        if as_json:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"client_id      {facts['client_id']}")
        if secret:
            self.stdout.write(f"client_secret  {secret}")
            self.stdout.write("The secret is shown this once; only its digest is kept.")


def _read_facts(options: dict[str, Any]) -> ClientFacts:
    return ClientFacts(
        name=options["name"],
        redirect_uris=options["redirect_uri"],
        post_logout_redirect_uris=options["post_logout_redirect_uri"],
        frontchannel_logout_uri=options["frontchannel_logout_uri"],
        backchannel_logout_uri=options["backchannel_logout_uri"],
        auth_method=options["auth_method"],
        jwks=_read_jwks(options["jwks"]),
        jwks_uri=options["jwks_uri"],
        id_token_alg=options["id_token_alg"],
        profile=options["profile"],
        require_pkce=not options["no_require_pkce"],
        require_pushed_requests=options["require_par"],
        require_signed_request=options["require_signed_request"],
        require_dpop=options["require_dpop"],
        grant_types=options["grant"] or [GrantType.CODE.value, GrantType.REFRESH.value],
        scopes=_read_scopes(options),
        machine_company=_read_company(options["company"]),
        refresh_policy=RefreshPolicy.ALWAYS
        if options["always_refresh"]
        else RefreshPolicy.ON_REQUEST,
        customer_claims=options["customer_claims"],
        require_second_factor=options["require_second_factor"],
        second_factor_max_age=options["second_factor_max_age"],
    )


def _read_scopes(options: dict[str, Any]) -> list[str]:
    own = options["scope"] or []
    if not all(_SCOPE.fullmatch(scope) for scope in own):
        raise CommandError("A scope is printable ASCII without spaces, quotes and backslashes.")
    is_for_people = GrantType.CODE in (options["grant"] or [GrantType.CODE])
    return sorted({*own, *(SCOPES if is_for_people else ())})


def _read_company(org_number: str | None) -> Company | None:
    if org_number is None:
        return None
    company = get_company_by_number(org_number.replace("-", ""))
    if company is None:
        raise CommandError(f"There is no company {org_number!r}.")
    return company


def _read_jwks(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} can't be read as a JWK set: {error}") from error
    if not isinstance(document, dict):
        raise CommandError(f"{file} is no JWK set.")
    return document
