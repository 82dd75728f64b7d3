from typing import Any

from allauth.account.models import EmailAddress

from accounts.models import User

PASSWORD = "en lång och säker lösenfras"


def make_user(*, email: str, full_name: str = "Pia Person", **fields: Any) -> User:
    """A person with a verified address and PASSWORD."""
    user = User.objects.create_user(email, PASSWORD, full_name=full_name, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user
