"""The people of the demo acting: their secrets, and they themselves as actors."""

import base64
import hashlib
import hmac

from django.conf import settings

from accounts.models import User
from auditlog.actors import Actor

SYSTEM = Actor.system("demo_data")
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def make_secret(purpose: str) -> str:
    """Return a secret of this installation: the same each time, and nobody else's."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, f"demo:{purpose}".encode(), hashlib.sha256).hexdigest()


def make_password() -> str:
    """Return the one password of everybody in the demo."""
    return f"demo-{make_secret('password')[:10]}"


def make_totp_secret(email: str) -> str:
    """Return the second-factor secret of a person in the demo, in base 32."""
    return base64.b32encode(bytes.fromhex(make_secret(f"totp:{email}"))[:20]).decode()


def get_user(email: str) -> User:
    """Return a person of the demo."""
    return User.objects.get(email=email)


def as_person(user: User) -> Actor:
    """Return somebody of the demo acting in their browser."""
    address = f"192.0.2.{int(make_secret(user.email)[:2], 16)}"  # RFC 5737: for examples
    kind = "staff" if user.is_staff else "person"
    return Actor(kind, str(user.pk), user.display_name, ip=address, user_agent=_BROWSER)
