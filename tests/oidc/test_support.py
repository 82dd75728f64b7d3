"""Staff in a service: through a support access, and no longer than that."""

from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from accounts.models import User
from companies.models import Company, SupportGrant
from oidc.queries import list_grants_in_doubt
from services.models import Service
from tests.factories.companies import let_support_in
from tests.factories.oidc import make_client
from tests.factories.services import entitle
from tests.oidc.relying_party import RelyingParty


def test_grant_of_staff_is_in_doubt_only_when_the_support_access_is_over(
    bookkeeping: Service, acme: Company, staff: User, sign_in_staff: Callable[..., Client]
) -> None:
    entitle(acme, bookkeeping)
    let_support_in(acme)
    profile, secret = make_client(bookkeeping)
    rp = RelyingParty(profile, secret, sign_in_staff())
    tokens = rp.get_tokens(company=str(acme.pk), scope="openid offline_access")
    assert rp.userinfo(tokens["access_token"]).json()["packages"] == ["read"]

    assert list_grants_in_doubt(at=timezone.now()) == []
    SupportGrant.objects.update(ended_at=timezone.now())
    assert [grant.user for grant in list_grants_in_doubt(at=timezone.now())] == [staff]
