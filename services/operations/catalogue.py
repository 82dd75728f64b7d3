"""The catalogue: what there is to use."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from services.events import ServiceEvent
from services.models import Service, ServicePicture, ServiceRole
from vop.lib.db import use_case
from vop.lib.errors import DomainError
from vop.lib.pictures import Picture


class SlugTakenError(DomainError):
    message = _("Another service has this short name.")


class NoDefaultRoleError(DomainError):
    message = _("Exactly one role must be the default.")


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the catalogue says of a service."""

    slug: str
    name: str
    tagline: str
    launch_url: str
    description: str = ""
    picture_alt: str = ""
    is_first_party: bool = True
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """What the catalogue says of a role in a service."""

    code: str
    name: str
    description: str = ""
    is_default: bool = False
    rank: int = 0


@use_case
def create_service(
    *,
    facts: ServiceFacts,
    roles: Sequence[RoleFacts],
    actor: Actor,
    now: datetime,
    picture: Picture | None = None,
) -> Service:
    """Add a service to the catalogue, with the roles that people can have in it.

    Raises: SlugTakenError, NoDefaultRoleError.
    """
    if Service.objects.filter(slug=facts.slug).exists():
        raise SlugTakenError
    service = Service.objects.create(**asdict(facts))
    if picture is not None:
        _keep_picture(service, picture)
        service.save(update_fields=["picture_sha256"])
    _save_roles(service, roles)
    audit(
        ServiceEvent.CREATED,
        actor=actor,
        now=now,
        target=service.ref,
        data={"service": service.slug, "roles": [role.code for role in roles]},
    )
    return service


@use_case
def update_service(
    *,
    service: Service,
    facts: ServiceFacts,
    roles: Sequence[RoleFacts],
    actor: Actor,
    now: datetime,
    picture: Picture | None = None,
    drop_picture: bool = False,
) -> Service:
    """Change what the catalogue says; roles are known by their code, and none is taken away.

    Without a new `picture` the old one stays, unless it is dropped.

    Raises: SlugTakenError, NoDefaultRoleError.
    """
    locked = Service.objects.select_for_update(of=("self",), no_key=True).get(pk=service.pk)
    if Service.objects.filter(slug=facts.slug).exclude(pk=locked.pk).exists():
        raise SlugTakenError
    new = asdict(facts)
    columns = [*new, "picture_sha256"]
    before = {name: getattr(locked, name) for name in columns}
    for name, value in new.items():
        setattr(locked, name, value)
    if picture is not None:
        _keep_picture(locked, picture)
    elif drop_picture:
        ServicePicture.objects.filter(service=locked).delete()
        locked.picture_sha256 = ""
    changes = {
        name: [before[name], getattr(locked, name)]
        for name in columns
        if before[name] != getattr(locked, name)
    }
    locked.save(update_fields=columns)
    _save_roles(locked, roles)
    audit(
        ServiceEvent.UPDATED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"changes": changes, "roles": [role.code for role in roles]},
    )
    return locked


def _keep_picture(service: Service, picture: Picture) -> None:
    """Keep a picture's bytes, and its hash on the service, which is yet to be saved."""
    ServicePicture.objects.update_or_create(service=service, defaults={"content": picture.content})
    service.picture_sha256 = picture.sha256


def _save_roles(service: Service, roles: Sequence[RoleFacts]) -> None:
    if sum(role.is_default for role in roles) != 1:
        raise NoDefaultRoleError
    # Only one may be the default at any moment, so the old one steps down first.
    ServiceRole.objects.filter(service=service).update(is_default=False)
    for role in roles:
        values = asdict(role)
        ServiceRole.objects.update_or_create(
            service=service, code=values.pop("code"), defaults=values
        )
