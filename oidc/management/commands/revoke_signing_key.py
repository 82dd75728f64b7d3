"""The command `manage.py revoke_signing_key`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from auditlog.actors import Actor
from oidc.operations.keys import revoke_signing_key
from vop.lib.errors import DomainError


class Command(BaseCommand):
    help = (
        "Take a signing key that leaked out of the JWKS at once. What it signed is worth nothing to"
        " a client from its next look at the JWKS; the next key signs from now on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "kid", help="the key id, as the JWKS shows it; one that begins with - after --"
        )
        parser.add_argument("--json", action="store_true", help="print JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = revoke_signing_key(
                kid=options["kid"], actor=Actor.system("revoke_signing_key"), now=timezone.now()
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"revoked": options["kid"], "kid": key.kid}))
        else:
            self.stdout.write(f"{options['kid']} is revoked; {key.alg} key {key.kid} signs now")
