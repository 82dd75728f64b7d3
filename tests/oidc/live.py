"""A live provider and a browser for it, for clients that speak real HTTP."""

import re
from dataclasses import dataclass
from html import unescape

import requests
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from accounts.models import User


@dataclass
class Browser:
    """A browser as far as sign-in needs one: cookies, redirects, and forms without a script."""

    session: requests.Session

    def get(self, url: str) -> requests.Response:
        return self.session.get(url, timeout=20)

    def submit(self, page: requests.Response, button: str, **fields: str) -> requests.Response:
        """Send the form that holds a button."""
        forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
        [form] = [form for form in forms if f'id="{button}"' in form]
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        sent = {name: unescape(value) for name, value in hidden}
        found = re.search(r'action="([^"]+)"', form)
        action = requests.compat.urljoin(page.url, unescape(found.group(1)) if found else page.url)
        return self.session.post(
            action, {**sent, **fields}, headers={"Referer": page.url}, timeout=20
        )


def open_browser(live_server: LiveServer, user: User) -> Browser:
    """A browser in which somebody has signed in."""
    signed_in = Client()
    signed_in.force_login(user, backend="accounts.adapter.SignInBackend")
    name = django_settings.SESSION_COOKIE_NAME
    session = requests.Session()
    host = live_server.url.split("//")[1].split(":")[0]
    domain = host if "." in host else f"{host}.local"
    session.cookies.set(name, signed_in.cookies[name].value, domain=domain)
    return Browser(session)
