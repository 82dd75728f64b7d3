"""The picture of a service: staff set it, everybody sees it, and its address never lies."""

import hashlib
import io
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import User
from auditlog.models import Event
from companies.models import Company
from services.models import Service, ServicePicture
from tests.factories.billing import make_plan, make_seller, make_vat_rate
from tests.factories.services import entitle, make_service
from tests.services.test_admin import USER, with_roles
from tests.vop.test_pictures import bomb, paint

SignIn = Callable[[User], Client]


def upload(raw: bytes, name: str = "bild.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, raw, content_type="image/png")


def save(clerk: Client, service: Service | None = None, **fields: object) -> object:
    page = (
        reverse("admin:services_service_add")
        if service is None
        else reverse("admin:services_service_change", args=[service.pk])
    )
    return clerk.post(page, {**with_roles(USER), **fields}).status_code


def test_staff_sets_replaces_keeps_and_removes_a_picture(clerk: Client) -> None:
    assert save(clerk, picture=upload(paint()), picture_alt="En bok") == HTTPStatus.FOUND
    added = Service.objects.get(slug="lon")
    kept = bytes(ServicePicture.objects.get().content)
    assert added.picture_sha256 == hashlib.sha256(kept).hexdigest()
    assert added.picture_alt == "En bok"

    save(clerk, added, name="Lön och semester")
    renamed = Service.objects.get()
    assert (renamed.name, renamed.picture_sha256) == ("Lön och semester", added.picture_sha256)

    save(clerk, added, picture=upload(paint(size=(90, 90))))
    replaced = Service.objects.get()
    assert replaced.picture_sha256 not in {"", added.picture_sha256}
    assert ServicePicture.objects.count() == 1
    event = Event.objects.filter(action="service.updated").order_by("-pk")[0]
    assert event.data["changes"]["picture_sha256"] == [
        added.picture_sha256, replaced.picture_sha256,
    ]  # fmt: skip

    save(clerk, added, drop_picture="on")
    assert Service.objects.get().picture_url == ""
    assert not ServicePicture.objects.exists()


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bild.svg"),
        (b"MZ\x90\0 not a picture", "bild.png"),
        (paint()[:60], "bild.png"),
        (bomb(6000), "bild.png"),
        (paint() + b"\0" * 2 * 1024 * 1024, "bild.png"),
        (paint("GIF", size=(100, 100)), "bild.jpg"),
    ],
    ids=["svg", "program", "truncated", "bomb", "too large", "another format"],
)
def test_bad_picture_is_told_beside_the_field_and_nothing_is_saved(
    clerk: Client,
    raw: bytes,
    name: str,
) -> None:
    page = clerk.post(
        reverse("admin:services_service_add"),
        {**with_roles(USER), "tagline": "Står kvar", "picture": upload(raw, name)},
    )

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    html = page.content.decode()
    assert 'id="id_picture_error"' in html
    assert "Står kvar" in html, "nothing typed is lost"
    assert not Service.objects.exists()
    assert not ServicePicture.objects.exists()


def test_nobody_else_sets_a_picture(alice: User, sign_in: SignIn) -> None:
    service = make_service()
    page = reverse("admin:services_service_change", args=[service.pk])

    answer = sign_in(alice).post(page, {**with_roles(USER), "picture": upload(paint())})

    assert answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.FOUND}
    assert not ServicePicture.objects.exists()


def test_picture_is_served_to_keep_for_ever(clerk: Client, client: Client) -> None:
    save(clerk, picture=upload(paint()))
    service = Service.objects.get()

    answer = client.get(service.picture_url)

    assert answer.content == bytes(ServicePicture.objects.get().content)
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", ""), "one copy for everybody"
    assert client.get(f"/pictures/lon/{'0' * 64}.webp").status_code == HTTPStatus.NOT_FOUND
    save(clerk, service, picture=upload(paint(size=(90, 90))))
    assert client.get(service.picture_url).status_code == HTTPStatus.NOT_FOUND, "another now"


def test_pages_show_the_picture_or_the_initial(
    clerk: Client,
    alice: User,
    acme: Company,
    sign_in: SignIn,
) -> None:
    save(clerk, picture=upload(paint()), picture_alt="En mynthög")
    entitle(acme, Service.objects.get())
    entitle(acme, make_service())

    portal = sign_in(alice)
    home = portal.get(reverse("company_home", args=[acme.pk])).content.decode()
    detail = portal.get(reverse("services:detail", args=[acme.pk, "lon"])).content.decode()

    for page in (home, detail):
        assert f'src="{Service.objects.get(slug="lon").picture_url}"' in page
        assert 'alt="En mynthög"' in page
    assert 'aria-hidden="true">B</span>' in home, "Bokföring has none"


def test_catalogue_shows_the_picture(
    clerk: Client,
    alice: User,
    acme: Company,
    sign_in: SignIn,
) -> None:
    make_vat_rate()
    make_seller()
    service = make_service()
    make_plan(service)
    save(clerk, service, slug="bokforing", picture=upload(paint()))
    service.refresh_from_db()

    page = sign_in(alice).get(reverse("billing:catalogue", args=[acme.pk])).content.decode()

    assert f'src="{service.picture_url}"' in page
