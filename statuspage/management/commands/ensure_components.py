from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from auditlog.actors import Actor
from statuspage.operations import ensure_components


class Command(BaseCommand):
    help = "Create the components of the status page that are missing; the others stay."

    def handle(self, *args: Any, **options: Any) -> None:
        found = ensure_components(actor=Actor.system("ensure_components"), now=timezone.now())
        self.stdout.write(f"{len(found)} components are in place")
