"""The command `manage.py rotate_signing_key`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from auditlog.actors import Actor
from oidc.models import Algorithm
from oidc.operations.keys import rotate_signing_key
from vop.lib.errors import DomainError


class Command(BaseCommand):
    help = (
        "Publish the next signing key. It signs a day later, when everybody who keeps the JWKS has"
        " seen it; the key in use stays published for a month after its last signature."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--alg",
            choices=[alg.value for alg in Algorithm],
            default=Algorithm.RS256.value,
            help="the algorithm whose key is rotated (default RS256)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = rotate_signing_key(
                alg=options["alg"], actor=Actor.system("rotate_signing_key"), now=timezone.now()
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            dates = {
                name: getattr(key, name).isoformat() for name in ("published_from", "active_from")
            }
            self.stdout.write(json.dumps({"kid": key.kid, "alg": key.alg, **dates}))
        else:
            self.stdout.write(
                f"{key.alg} key {key.kid} signs from {key.active_from:%Y-%m-%d %H:%M}"
            )
