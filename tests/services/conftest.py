import time
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User

SignIn = Callable[[User], Client]


@pytest.fixture
def clerk(staff: User, sign_in: SignIn) -> Client:
    """Staff with every right and a fresh second factor."""
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    client = sign_in(staff)
    session = client.session
    session["account_authentication_methods_user"] = str(staff.pk)
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "email": staff.email},
        {"method": "mfa", "at": time.time(), "id": 0, "type": "totp"},
    ]
    session.save()
    return client
