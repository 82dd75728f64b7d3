"""What people see when something is refused, missing or broken, and what the log says of it."""

import uuid
from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path, reverse

from accounts.models import User
from companies.models import Company

SignIn = Callable[[User], Client]


def crash(request: HttpRequest) -> HttpResponse:
    message = "the reason is for the log"
    raise RuntimeError(message)


urlpatterns = [path("crash/", crash), path("", include("vop.urls"))]
handler500 = "vop.views.server_error"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/finns-inte/", "/c/inte-ett-id/", "/c/5d0c3a42-3f43-4d2c-9f0e-0d2a7a1f9b11/x/"]
)
def test_unknown_address_is_404_with_a_way_home(client: Client, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 404
    assert f'href="{reverse("home")}"' in response.content.decode()


@pytest.mark.parametrize(
    "name",
    ["company_home", "services:overview", "stats:company", "companies:members", "companies:log"],
)
def test_pages_of_foreign_companies_are_404(
    acme: Company, mallory: User, other: Company, sign_in: SignIn, name: str
) -> None:
    foreign = sign_in(mallory).get(reverse(name, args=[acme.pk]))
    unknown = sign_in(mallory).get(reverse(name, args=[uuid.uuid4()]))

    assert foreign.status_code == unknown.status_code == 404


def test_page_without_the_right_is_403(acme: Company, bob: User, sign_in: SignIn) -> None:
    response = sign_in(bob).get(reverse("stats:company", args=[acme.pk]))

    assert response.status_code == 403
    assert "Acme" not in response.content.decode()


def test_address_that_only_takes_forms_says_so_to_people(
    acme: Company, alice: User, sign_in: SignIn
) -> None:
    address = f"/c/{acme.pk}/support/let-in/"

    page = sign_in(alice).get(address, headers={"Accept": "text/html,*/*"})
    other = sign_in(alice).get(address)

    assert (page.status_code, page.headers["Allow"]) == (405, "POST")
    assert "inget sparat" in page.content.decode()
    assert (other.status_code, other.content) == (405, b"")


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/c/{}/support/?page=2", "/c/{}/support/%3Fpage%3D2"),
        ("https://elsewhere.example/c/{}/support/", "/c/{}/support/let-in/"),
        ("", "/c/{}/support/let-in/"),
    ],
)
def test_who_signs_in_late_comes_back_to_the_form(
    client: Client, acme: Company, came_from: str, leads_to: str
) -> None:
    headers = {"Referer": came_from.format(acme.pk)}

    response = client.post(f"/c/{acme.pk}/support/let-in/", {"reason": "7"}, headers=headers)

    assert response.headers["Location"] == f"/login/?next={leads_to.format(acme.pk)}"


def test_form_that_is_too_old_is_told_so(acme: Company, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="accounts.adapter.SignInBackend")

    response = client.post(reverse("services:give_seat", args=[acme.pk, "bokforing"]))

    assert response.status_code == 403
    assert response.templates[0].name == "errors/csrf.html"


@override_settings(ROOT_URLCONF=__name__)
def test_crash_tells_people_nothing_but_where_they_are(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(raise_request_exception=False)

    response = client.get("/crash/", headers={"X-Request-ID": "walk-0001"})

    assert response.status_code == 500
    assert "the reason is for the log" not in response.content.decode()
    assert response.headers["X-Request-ID"] == "walk-0001"
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert {line["request_id"] for line in lines} == {"walk-0001"}
    assert [line["event"] for line in lines if line["level"] == "error"] == ["request_failed"]


@pytest.mark.django_db
def test_every_answer_has_an_id_that_the_log_has_too(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/finns-inte/")

    ids = {record.msg["request_id"] for record in caplog.records if isinstance(record.msg, dict)}
    assert ids == {response.headers["X-Request-ID"]}
    assert len(response.headers["X-Request-ID"]) == 32


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["kort", "x" * 65, "har mellanslag", "rad\tbryt", "åäö-åäö-åäö"])
def test_id_from_outside_is_taken_only_when_it_is_one(client: Client, given: str) -> None:
    response = client.get("/finns-inte/", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] != given
