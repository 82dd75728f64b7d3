"""Addresses of companies, their members, their data and their log."""

from django.urls import URLPattern, URLResolver, path

from companies.views import (
    details,
    export,
    invitations,
    invite_many,
    log,
    members,
    policies,
    roles,
    support,
    switch,
)

app_name = "companies"

_COMPANY = "c/<uuid:company_id>/"
_MEMBER = f"{_COMPANY}members/<uuid:membership_id>/"
_SENT = f"{_COMPANY}invitations/<uuid:invitation_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("companies/", switch.switch, name="switch"),
    path(f"{_COMPANY}choose/", switch.choose, name="choose"),
    path(f"{_COMPANY}members/", members.members, name="members"),
    path(f"{_COMPANY}members/invite/", invitations.invite, name="invite"),
    path(f"{_COMPANY}members/invite-many/", invite_many.invite_many, name="invite_many"),
    path(f"{_COMPANY}members/invite-many/send/", invite_many.send_many, name="send_many"),
    path(
        f"{_COMPANY}members/invite-many/faults/",
        invite_many.download_faults,
        name="download_faults",
    ),
    path(f"{_COMPANY}members/export/csv/", export.export_csv, name="export_members_csv"),
    path(f"{_COMPANY}members/export/xlsx/", export.export_xlsx, name="export_members_xlsx"),
    path(_MEMBER, members.member, name="member"),
    path(f"{_MEMBER}roles/", members.change_roles, name="change_roles"),
    path(f"{_MEMBER}last-day/", members.set_last_day, name="set_last_day"),
    path(f"{_MEMBER}suspend/", members.suspend, name="suspend_member"),
    path(f"{_MEMBER}reactivate/", members.reactivate, name="reactivate_member"),
    path(f"{_MEMBER}main-contact/", members.make_main_contact, name="make_main_contact"),
    path(f"{_MEMBER}end/", members.end, name="end_membership"),
    path(f"{_COMPANY}leave/", members.leave, name="leave"),
    path(f"{_SENT}resend/", invitations.resend, name="resend_invitation"),
    path(f"{_SENT}revoke/", invitations.revoke, name="revoke_invitation"),
    path(f"{_COMPANY}support/", support.support, name="support"),
    path(f"{_COMPANY}support/let-in/", support.let_in, name="let_support_in"),
    path(f"{_COMPANY}support/<uuid:grant_id>/end/", support.shut_out, name="shut_support_out"),
    path(f"{_COMPANY}policies/", policies.policies, name="policies"),
    path(f"{_COMPANY}policies/save/", policies.save, name="save_policies"),
    path(f"{_COMPANY}company/", details.details, name="details"),
    path(f"{_COMPANY}company/history/", details.history, name="history"),
    path(f"{_COMPANY}company/edit/", details.edit, name="edit"),
    path(f"{_COMPANY}company/edit/register/", details.ask_the_register, name="ask_register"),
    path(
        f"{_COMPANY}company/invoice-address/",
        details.edit_invoice_address,
        name="edit_invoice_address",
    ),
    path(f"{_COMPANY}roles/", roles.roles, name="roles"),
    path(f"{_COMPANY}log/", log.log, name="log"),
    path(f"{_COMPANY}log/export/", log.export, name="export_log"),
    path("invitations/<str:token>/", invitations.show, name="invitation"),
    path("invitations/<str:token>/accept/", invitations.accept, name="accept_invitation"),
    path("invitations/<str:token>/sign-up/", invitations.sign_up, name="sign_up_invited"),
]
