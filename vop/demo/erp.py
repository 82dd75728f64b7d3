"""The demo's accounts: an ERP connection, and what its receiver needs to know."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from billing.models import ErpConnection
from billing.operations import (
    ConnectionFacts,
    issue_erp_key,
    renew_signing_secret,
    save_connection,
)
from vop.demo.people import SYSTEM

_NAME: Final = "Demoekonomi"
_TOLD_SINCE: Final = timedelta(days=40)  # the first invoices are there after a minute or two


def connect_accounts(now: datetime) -> dict[str, Any]:
    """Connect the demo's accounts, once; return what their receiver is given.

    Key and secret are shown once, so they are kept in a file; without it they are renewed. Where
    the receiver runs today is followed, since PORT may change.
    """
    webhook_url = f"{settings.DEMO_SERVICE_URL}/erp/webhook"
    file = settings.VAR / "erp.json"
    connection = ErpConnection.objects.active().filter(name=_NAME).first()
    if connection is None:
        facts = ConnectionFacts(_NAME, webhook_url, may_acknowledge=True)
        connection = save_connection(facts=facts, since=now - _TOLD_SINCE, actor=SYSTEM, now=now)
        file.unlink(missing_ok=True)
    ErpConnection.objects.filter(pk=connection.pk).update(webhook_url=webhook_url)
    if not file.is_file():
        kept = {
            "api_key": issue_erp_key(connection=connection, actor=SYSTEM, now=now),
            "signing_secret": renew_signing_secret(connection=connection, actor=SYSTEM, now=now),
        }
        file.touch(mode=0o600)
        file.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    return {
        "name": _NAME,
        "url": f"{settings.DEMO_SERVICE_URL}/erp/",
        "api": f"{settings.BASE_URL}/api/billing/v1",
        **json.loads(file.read_text(encoding="utf-8")),
    }
