from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from vop.staff import STAFF_GROUPS

PAGES = {
    "/admin/accounts/user/": {"support_read", "support_act", "security_ops", "dpo"},
    "/admin/auditlog/event/": {"support_read", "support_act", "security_ops", "dpo"},
    "/admin/companies/company/": {"support_read", "support_act", "billing_ops", "dpo"},
    "/admin/billing/invoicebasis/": {"support_read", "support_act", "billing_ops"},
    "/admin/statuspage/incident/": {"incident_ops"},
    "/admin/oidc/clientprofile/": {"security_ops"},
}


@pytest.mark.parametrize("group", sorted(STAFF_GROUPS))
def test_staff_see_what_their_group_works_with(
    staff: User, sign_in_staff: Callable[[], Client], group: str
) -> None:
    staff.groups.set(Group.objects.filter(name=group))
    client = sign_in_staff()

    seen = {page for page in PAGES if client.get(page).status_code == 200}

    assert seen == {page for page, groups in PAGES.items() if group in groups}


def test_no_group_may_delete_anything() -> None:
    rights = {
        right for rooms in STAFF_GROUPS.values() for words in rooms.values() for right in words
    }

    assert rights == {"view", "add", "change"}
