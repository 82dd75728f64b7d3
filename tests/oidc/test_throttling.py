"""Who fails too often is slowed down, and nobody else."""

import pytest

from oidc import http
from oidc.models import PushedRequest
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MAX_REFUSALS", "_MAX_PUSHED"):
        monkeypatch.setattr(http, name, 5)


def test_wrong_codes_are_slowed_down_and_right_ones_are_not(rp: RelyingParty) -> None:
    answers = [rp.redeem("wrong") for _time in range(8)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429] * 3
    assert answers[-1].json()["error"] == "invalid_grant"
    assert answers[-1].headers["Retry-After"] == "300"
    assert rp.get_tokens()["access_token"]


def test_public_client_waits_at_that_address_alone(make_rp: MakeRelyingParty) -> None:
    """Anybody can be a public client, so its requests are stopped before they cost anything."""
    public = make_rp(auth_method="none")
    assert [public.refresh("wrong").status_code for _time in range(6)] == [400] * 5 + [429]
    code = public.get_code()
    stopped = public.redeem(code)
    assert (stopped.status_code, stopped.json()["error"]) == (429, "temporarily_unavailable")
    public.service.defaults["REMOTE_ADDR"] = "198.51.100.7"
    assert public.redeem(code).status_code == 200


def test_pushes_of_a_public_client_are_counted(make_rp: MakeRelyingParty) -> None:
    public, own = make_rp(auth_method="none"), make_rp()
    assert [public.post("par", **public.ask()).status_code for _time in range(6)] == [
        *[201] * 5,
        429,
    ]
    assert [own.post("par", **own.ask()).status_code for _time in range(6)] == [201] * 6
    assert PushedRequest.objects.count() == 11
