"""`manage.py reseal_secrets`: after a new encryption key, so that the old one can go."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.operations import reseal_second_factors
from auditlog.actors import Actor
from oidc.operations.keys import reseal_signing_keys
from vop.lib.crypto import SealBrokenError


class Command(BaseCommand):
    help = (
        "Seal private signing keys and second factors with the first key of VOP_ENCRYPTION_KEYS."
        " Afterwards the older keys open nothing any more but mail that still waits."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        actor, now = Actor.system("reseal_secrets"), timezone.now()
        try:
            told = {
                "signing_keys": reseal_signing_keys(actor=actor, now=now),
                "second_factors": reseal_second_factors(actor=actor, now=now),
            }
        except SealBrokenError as error:
            raise CommandError(
                "A secret was sealed with a key that VOP_ENCRYPTION_KEYS doesn't name."
                " Put that key back behind the new one."
            ) from error
        line = f"{told['signing_keys']} signing keys, {told['second_factors']} second factors"
        self.stdout.write(json.dumps(told) if options["json"] else f"Sealed anew: {line}")
