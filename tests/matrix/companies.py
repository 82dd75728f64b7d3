"""Who may open the addresses of companies."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from companies.access import sign_invitation
from companies.models import Invitation, Permission, SupportGrant
from tests.matrix.rules import (
    GET,
    POST,
    Lookup,
    Rule,
    World,
    company,
    public,
    signed_in,
    workplace,
)

RULES: Mapping[str, Rule] = {
    "companies:switch": signed_in(),
    "companies:choose": workplace(POST),
    "companies:members": company(Permission.MEMBER_VIEW),
    "companies:invite": company(Permission.MEMBER_INVITE, GET, POST),
    "companies:invite_many": company(Permission.MEMBER_INVITE, GET, POST),
    "companies:send_many": company(Permission.MEMBER_INVITE, POST),
    "companies:download_faults": company(Permission.MEMBER_INVITE, POST),
    "companies:export_members_csv": company(Permission.MEMBER_VIEW, POST),
    "companies:export_members_xlsx": company(Permission.MEMBER_VIEW, POST),
    "companies:roles": company(Permission.COMPANY_VIEW),
    "companies:member": company(Permission.MEMBER_VIEW),
    "companies:change_roles": company(Permission.ROLE_ASSIGN, POST),
    "companies:set_last_day": company(Permission.MEMBER_UPDATE, POST),
    "companies:suspend_member": company(Permission.MEMBER_UPDATE, POST),
    "companies:reactivate_member": company(Permission.MEMBER_UPDATE, POST),
    "companies:make_main_contact": company(Permission.MEMBER_UPDATE, POST),
    "companies:end_membership": company(Permission.MEMBER_END, POST),
    "companies:leave": company(Permission.COMPANY_VIEW, POST),
    "companies:resend_invitation": company(Permission.MEMBER_INVITE, POST),
    "companies:revoke_invitation": company(Permission.MEMBER_INVITE, POST),
    "companies:details": company(Permission.COMPANY_VIEW),
    "companies:history": company(Permission.BILLING_UPDATE),
    "companies:edit": company(Permission.COMPANY_UPDATE, GET, POST),
    "companies:ask_register": company(Permission.COMPANY_UPDATE, POST),
    "companies:edit_invoice_address": company(Permission.BILLING_UPDATE, GET, POST),
    "companies:support": company(Permission.SUPPORT_GRANT),
    "companies:let_support_in": company(Permission.SUPPORT_GRANT, POST),
    "companies:shut_support_out": company(Permission.SUPPORT_GRANT, POST),
    "companies:policies": company(Permission.POLICY_UPDATE, GET, POST),
    "companies:save_policies": company(Permission.POLICY_UPDATE, POST),
    "companies:log": company(Permission.AUDIT_VIEW),
    "companies:export_log": company(Permission.AUDIT_EXPORT, POST),
    "companies:invitation": public(),
    "companies:accept_invitation": signed_in(POST),
    "companies:sign_up_invited": public(POST),
}


def _invitation(world: World) -> Invitation:
    now = timezone.now()
    found, _is_new = Invitation.objects.get_or_create(
        company=world.company,
        email="inbjuden@exempel.se",
        defaults={
            "roles": ["member"],
            "invited_by": world.people["owner"],
            "created_at": now,
            "expires_at": now + timedelta(days=1),
        },
    )
    return found


ARGUMENTS: Mapping[str, Lookup] = {
    "grant_id": lambda world: SupportGrant.objects.get(company=world.company).pk,
    "membership_id": lambda world: world.membership("auditor").pk,
    "invitation_id": lambda world: _invitation(world).pk,
    "token": lambda world: sign_invitation(_invitation(world)),
}
