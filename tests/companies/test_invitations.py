"""From an invitation by mail to a member, and everything that goes another way."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from companies.access import sign_invitation
from companies.models import Company, Invitation, Membership, Role
from companies.operations import invite_person, suspend_member
from tests.companies.pages import deliver, find_path, invite
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company

SignIn = Callable[[User], Client]


@pytest.fixture
def nils(db: None) -> User:
    return make_user(email="nils@exempel.se", full_name="Nils Ny")


def page_of(invitation: Invitation, then: str = "") -> str:
    return f"/invitations/{sign_invitation(invitation)}/{then}"


def test_invitation_leaves_as_mail_in_the_language_of_the_company(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    Company.objects.update(language="en")

    answer = sign_in(alice).post(
        f"/c/{acme.pk}/members/invite/",
        {"email": " Nils@Exempel.se ", "full_name": "Nils", "roles": ["member", "billing"]},
    )

    assert answer["Location"] == f"/c/{acme.pk}/members/"
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.roles) == ("nils@exempel.se", ["billing", "member"])
    assert invitation.invited_by == alice
    [message] = deliver()
    assert message.to == ["nils@exempel.se"]
    assert message.subject == "Alice Ek invites you to Acme AB"
    event = Event.objects.get(action="person.invited")
    assert event.data == {"roles": ["billing", "member"]}
    assert event.personal.data == {"email": "nils@exempel.se"}
    assert event.actor_id == str(alice.pk)


def test_link_is_not_stored_anywhere(acme: Company) -> None:
    invitation = invite(acme)
    [message] = deliver()

    token = find_path(message).split("/")[2]

    assert signing.loads(token, salt="companies.invitation") == str(invitation.pk)
    assert token not in str(Invitation.objects.values().get())
    assert not any(token in str(row) for row in Event.objects.values())


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"email": "", "roles": ["member"]}, "email"),
        ({"email": "ingen-adress", "roles": ["member"]}, "email"),
        ({"email": "nils@exempel.se"}, "roles"),
        ({"email": "nils@exempel.se", "roles": ["kung"]}, "roles"),
        ({"email": "nils@exempel.se", "roles": ["client_admin"]}, "roles"),
        ({"email": "bob@exempel.se", "roles": ["member"]}, "email"),
    ],
)
def test_invitation_that_makes_no_sense_keeps_what_was_typed(
    sign_in: SignIn, alice: User, bob: User, acme: Company, data: dict[str, object], field: str
) -> None:
    answer = sign_in(alice).post(
        f"/c/{acme.pk}/members/invite/", {"full_name": "Nils Nyman", **data}
    )

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "Nils Nyman" in answer.content.decode()
    assert not Invitation.objects.exists()


def test_address_is_invited_once_at_a_time(sign_in: SignIn, alice: User, acme: Company) -> None:
    invite(acme)

    answer = sign_in(alice).post(
        f"/c/{acme.pk}/members/invite/", {"email": "NILS@exempel.se", "roles": ["member"]}
    )

    assert answer.status_code == 422
    assert Invitation.objects.count() == 1


def test_expired_invitation_makes_room_for_another(acme: Company) -> None:
    earlier = invite(acme, now=timezone.now() - timedelta(days=15))

    invite(acme)

    earlier.refresh_from_db()
    assert earlier.revoked_at is not None
    assert Invitation.objects.open().count() == 1


def test_admin_is_not_offered_to_make_owners(sign_in: SignIn, acme: Company, nils: User) -> None:
    join_company(acme, nils, Role.ADMIN)
    client = sign_in(nils)

    page = client.get(f"/c/{acme.pk}/members/invite/")
    answer = client.post(
        f"/c/{acme.pk}/members/invite/", {"email": "ny@exempel.se", "roles": ["owner"]}
    )

    assert 'value="owner"' not in page.content.decode()
    assert answer.status_code == 422


def test_invited_person_with_an_account_accepts(client: Client, acme: Company, nils: User) -> None:
    invite(acme, Role.BILLING)
    [message] = deliver()
    path = find_path(message)

    page = client.get(path)
    assert page.status_code == 200
    assert "Alice Ek" in page.content.decode()
    assert f"/login/?next={path.replace('/', '%2F')}".replace(":", "%3A") in page.content.decode()
    client.force_login(nils, backend="accounts.adapter.SignInBackend")
    assert 'id="accept-invitation"' in client.get(path).content.decode()
    answer = client.post(f"{path}accept/")

    assert answer["Location"] == f"/c/{acme.pk}/"
    membership = Membership.objects.get(user=nils)
    assert membership.roles_at(timezone.now()) == {Role.BILLING}
    assert membership.last_used_at is not None
    actions = Event.objects.filter(actor_id=str(nils.pk)).values_list("action", flat=True)
    assert {"person.invite_accepted", "member.added", "member.role_granted"} <= set(actions)


def test_invited_person_without_an_account_makes_one_first(client: Client, acme: Company) -> None:
    invitation = invite(acme)

    page = client.get(page_of(invitation))
    assert 'id="sign-up"' in page.content.decode()
    answer = client.post(page_of(invitation, "sign-up/"))
    assert answer["Location"] == "/signup/"
    answer = client.post(
        "/signup/", {"full_name": "Nils Ny", "password": "ett eget och långt lösenord"}
    )
    assert answer.status_code == 302
    answer = client.post(f"{answer['Location']}accept/")

    assert answer["Location"] == f"/c/{acme.pk}/"
    assert Membership.objects.filter(company=acme, user__email="nils@exempel.se").exists()


def test_somebody_else_is_told_and_does_not_get_in(
    sign_in: SignIn, mallory: User, acme: Company
) -> None:
    invitation = invite(acme)
    client = sign_in(mallory)

    address = page_of(invitation)  # signed with the second in which it is asked for

    page = client.get(address)
    assert 'id="sign-out-first"' in page.content.decode()
    assert 'id="accept-invitation"' not in page.content.decode()
    answer = client.post(f"{address}accept/")

    assert answer["Location"].startswith("/invitations/")
    assert 'id="sign-out-first"' in client.get(answer["Location"]).content.decode()
    assert not Membership.objects.filter(company=acme, user=mallory).exists()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_link_works_once(sign_in: SignIn, acme: Company, nils: User) -> None:
    invitation = invite(acme)
    client = sign_in(nils)
    client.post(page_of(invitation, "accept/"))

    answer = client.post(page_of(invitation, "accept/"))
    page = client.get(page_of(invitation))

    assert (answer.status_code, page.status_code) == (410, 410)
    assert f"/c/{acme.pk}/" in page.content.decode()
    assert Membership.objects.filter(company=acme, user=nils).count() == 1


def test_expired_link_is_told_so(sign_in: SignIn, acme: Company, nils: User) -> None:
    invitation = invite(acme, now=timezone.now() - timedelta(days=14, seconds=1))
    client = sign_in(nils)

    assert client.get(page_of(invitation)).status_code == 410
    assert client.post(page_of(invitation, "accept/")).status_code == 410
    assert client.post(page_of(invitation, "sign-up/")).status_code == 410
    assert not Membership.objects.filter(user=nils).exists()


def test_withdrawn_link_is_told_so(
    sign_in: SignIn, alice: User, acme: Company, client: Client
) -> None:
    invitation = invite(acme)

    answer = sign_in(alice).post(f"/c/{acme.pk}/invitations/{invitation.pk}/revoke/")

    assert answer["Location"] == f"/c/{acme.pk}/members/"
    assert client.get(page_of(invitation)).status_code == 410
    assert Event.objects.filter(action="person.invite_revoked").count() == 1


@pytest.mark.parametrize("token", ["nonsense", "a:b:c", "%00", "ImFiYyI:1wAAAA:" + "x" * 43])
def test_forged_link_is_not_found(client: Client, db: None, token: str) -> None:
    assert client.get(f"/invitations/{token}/").status_code == 404


def test_link_to_an_invitation_that_never_was_is_not_found(client: Client, db: None) -> None:
    token = signing.dumps(str(uuid.uuid4()), salt="companies.invitation")

    assert client.get(f"/invitations/{token}/").status_code == 404


def test_link_signed_for_something_else_is_not_found(client: Client, acme: Company) -> None:
    token = signing.dumps(str(invite(acme).pk), salt="something.else")

    assert client.get(f"/invitations/{token}/").status_code == 404


def test_invitation_is_sent_again_and_lasts_longer(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    invitation = invite(acme, now=timezone.now() - timedelta(days=20))
    deliver()

    sign_in(alice).post(f"/c/{acme.pk}/invitations/{invitation.pk}/resend/")

    invitation.refresh_from_db()
    assert invitation.is_pending(timezone.now() + timedelta(days=13))
    assert [message.to for message in deliver()] == [["nils@exempel.se"]]
    assert Event.objects.filter(action="person.invite_resent").count() == 1


def test_invitation_is_not_sent_twice_a_minute(sign_in: SignIn, alice: User, acme: Company) -> None:
    invitation = invite(acme)
    deliver()

    sign_in(alice).post(f"/c/{acme.pk}/invitations/{invitation.pk}/resend/")

    assert deliver() == []


def test_used_invitation_is_neither_sent_nor_withdrawn(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    invitation = invite(acme)
    Invitation.objects.update(accepted_at=timezone.now())
    deliver()
    client = sign_in(alice)

    client.post(f"/c/{acme.pk}/invitations/{invitation.pk}/resend/")
    client.post(f"/c/{acme.pk}/invitations/{invitation.pk}/revoke/")

    invitation.refresh_from_db()
    assert invitation.revoked_at is None
    assert deliver() == []


def test_invitation_of_another_company_is_not_found(
    sign_in: SignIn, mallory: User, other: Company, acme: Company
) -> None:
    invitation = invite(acme)
    client = sign_in(mallory)

    for then in ("resend", "revoke"):
        answer = client.post(f"/c/{other.pk}/invitations/{invitation.pk}/{then}/")
        assert answer.status_code == 404


def test_invitation_of_a_suspended_admin_no_longer_works(
    sign_in: SignIn, acme: Company, alice: User, nils: User
) -> None:
    admin = join_company(acme, make_user(email="adam@exempel.se"), Role.ADMIN)
    now = timezone.now()
    invitation = invite_person(
        company=acme, email=nils.email, full_name="", roles=[Role.ADMIN],
        acting=admin, actor=SYSTEM, now=now,
    )  # fmt: skip
    owner = Membership.objects.get(company=acme, user=alice)

    suspend_member(membership=admin, acting=owner, actor=SYSTEM, now=now)

    assert sign_in(nils).post(page_of(invitation, "accept/")).status_code == 410
