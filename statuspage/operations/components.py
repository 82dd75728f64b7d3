"""The components: what the house begins with, and changing them."""

from dataclasses import dataclass
from datetime import date, datetime

from auditlog.actors import Actor
from auditlog.operations import audit
from statuspage.events import ComponentEvent
from statuspage.models import Component, ComponentGroup, Text, Tier, make_code
from statuspage.operations.shared import check_text, check_unchanged, publish_after_commit
from vop.lib.clock import local_date
from vop.lib.db import step, use_case


@dataclass(frozen=True, slots=True)
class _Standard:
    code: str
    name: Text
    description: Text
    tier: Tier


@dataclass(frozen=True, slots=True)
class _StandardGroup:
    code: str
    name: Text
    components: tuple[_Standard, ...]


# The codes are public and stay for ever: readers of the API know components by them.
_STANDARD_GROUPS = (
    _StandardGroup(
        "customer0001",
        Text("För kunder", "For customers"),
        (
            _Standard(
                "login0000001",
                Text("Inloggning", "Sign-in"),
                Text("Logga in med lösenord och engångskod", "Sign in with password and code"),
                Tier.CRITICAL,
            ),
            _Standard(
                "access000001",
                Text("Åtkomst till tjänster", "Access to services"),
                Text(
                    "Öppna företagets tjänster med rätt behörighet",
                    "Open the company's services with the right access",
                ),
                Tier.CRITICAL,
            ),
            _Standard(
                "oidc00000001",
                Text("OpenID Connect", "OpenID Connect"),
                Text(
                    "Inloggning från anslutna tjänster och deras API-anrop",
                    "Sign-in from connected services and their API calls",
                ),
                Tier.CRITICAL,
            ),
            _Standard(
                "portal000001",
                Text("Portalen", "The portal"),
                Text(
                    "Startsidan, användare, tjänster och köp",
                    "Start page, users, services and purchases",
                ),
                Tier.CUSTOMER,
            ),
            _Standard(
                "company00001",
                Text("Företagsuppgifter", "Company data"),
                Text(
                    "Uppgifter, kontakter och fakturaadress",
                    "Details, contacts and invoice address",
                ),
                Tier.CUSTOMER,
            ),
        ),
    ),
    _StandardGroup(
        "internal0001",
        Text("För personal", "For staff"),
        (
            _Standard(
                "invoicing001",
                Text("Fakturering", "Invoicing"),
                Text("Fakturaunderlag och förnyelser", "Invoice bases and renewals"),
                Tier.STAFF,
            ),
            _Standard(
                "statistics01",
                Text("Statistik", "Statistics"),
                Text("Rapporter och diagram", "Reports and charts"),
                Tier.STAFF,
            ),
        ),
    ),
)


@use_case
def ensure_components(
    *, actor: Actor, now: datetime, start_date: date | None = None
) -> list[Component]:
    """Create the components that are missing; those that exist stay as they were made."""
    found = []
    publish_after_commit()
    for group_position, standard_group in enumerate(_STANDARD_GROUPS, start=1):
        group, _created = ComponentGroup.objects.get_or_create(
            code=standard_group.code,
            defaults={
                "name_sv": standard_group.name.sv,
                "name_en": standard_group.name.en,
                "position": group_position,
                "created_at": now,
                "updated_at": now,
            },
        )
        for position, standard in enumerate(standard_group.components, start=1):
            component = Component.objects.filter(code=standard.code).first()
            found.append(
                component
                or _create(
                    code=standard.code,
                    group=group,
                    name=standard.name,
                    description=standard.description,
                    tier=standard.tier,
                    position=position,
                    is_public=standard.tier != Tier.STAFF,
                    start_date=start_date or local_date(now),
                    actor=actor,
                    now=now,
                )
            )
    return found


@use_case
def add_component(
    *,
    group: ComponentGroup,
    name: Text,
    description: Text,
    tier: Tier,
    position: int,
    is_public: bool,
    actor: Actor,
    now: datetime,
) -> Component:
    """Add a component, in service from today.

    Raises: TextMissingError.
    """
    check_text(name)
    publish_after_commit()
    return _create(
        code=make_code(),
        group=group,
        name=name,
        description=description,
        tier=tier,
        position=position,
        is_public=is_public,
        start_date=local_date(now),
        actor=actor,
        now=now,
    )


@use_case
def update_component(
    *,
    component: Component,
    group: ComponentGroup,
    name: Text,
    description: Text,
    tier: Tier,
    position: int,
    is_public: bool,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> Component:
    """Change what a component is called and who sees it; its status follows from what happens.

    Raises: TextMissingError, StaleError.
    """
    check_text(name)
    locked = Component.objects.select_for_update(of=("self",), no_key=True).get(pk=component.pk)
    check_unchanged(locked, seen_at)
    values = {
        "group": group,
        "name_sv": name.sv,
        "name_en": name.en,
        "description_sv": description.sv,
        "description_en": description.en,
        "tier": tier,
        "position": position,
        "is_public": is_public,
    }
    changed = [field for field, value in values.items() if getattr(locked, field) != value]
    if not changed:
        return locked
    for field in changed:
        setattr(locked, field, values[field])
    locked.updated_at = now
    locked.save(update_fields=[*changed, "updated_at"])
    audit(ComponentEvent.UPDATED, actor=actor, now=now, target=locked.ref, data={"fields": changed})
    publish_after_commit()
    return locked


@step
def _create(
    *,
    code: str,
    group: ComponentGroup,
    name: Text,
    description: Text,
    tier: Tier,
    position: int,
    is_public: bool,
    start_date: date,
    actor: Actor,
    now: datetime,
) -> Component:
    component = Component.objects.create(
        code=code,
        group=group,
        name_sv=name.sv,
        name_en=name.en,
        description_sv=description.sv,
        description_en=description.en,
        tier=tier,
        position=position,
        is_public=is_public,
        start_date=start_date,
        created_at=now,
        updated_at=now,
    )
    audit(ComponentEvent.CREATED, actor=actor, now=now, target=component.ref)
    return component
