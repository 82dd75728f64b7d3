"""The demo's test client, by mouse: ask, look at the answer, go on, sign out, and hear of it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House
from tests.browser.test_main_job import ANNA, COMPANY

pytestmark = pytest.mark.browser


def get_address(house: House) -> str:
    return str(house.world["test_clients"][0]["redirect_uris"][0]).removesuffix("callback")


def test_integrator_tries_requests(page: Page, house: House) -> None:
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto(get_address(house).removesuffix("test/"))
    page.locator("#open-test").click()
    page.locator("#preset-fapi2").click()
    page.locator("#send").click()
    page.get_by_label("E-postadress").fill(ANNA)
    page.get_by_label("Lösenord", exact=True).fill(house.get_password(ANNA))
    page.locator("#sign-in").click()
    page.get_by_role("button", name=COMPANY).click()

    newest = page.locator(".step").first
    expect(newest).to_contain_text("Kod mot token")
    expect(newest.locator(".checks .good", has_text="at_hash")).to_be_visible()
    expect(newest).to_contain_text(COMPANY)
    expect(page.locator(".checks .bad")).to_have_count(0)
    for action, answer in (
        ("userinfo", "Anna Andersson"),
        ("introspect-access_token", '"active": true'),
        ("refresh", '"access_token"'),
    ):
        page.locator(f"#{action}").click()
        expect(newest).to_contain_text(answer)

    page.locator("#sign-out").click()
    expect(newest).to_contain_text("Tillbaka från utloggningen")
    notice = page.locator(".step", has_text="server till server")
    for _try in range(40):
        page.locator("#look").click()
        if notice.count():
            break
        page.wait_for_timeout(250)
    expect(notice).to_have_count(1)
    expect(notice.locator(".bad")).to_have_count(0)

    page.locator("#language").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Test client")
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_test_client_fits_the_screen(page: Page, house: House, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{get_address(house)}?preset=machine")
    page.locator("#send").click()
    expect(page.locator(".step").first).to_contain_text("Token för en maskin")
    page.wait_for_load_state()  # the text is there before its styles
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


def test_test_client_is_no_part_of_the_platform(page: Page, house: House) -> None:
    answer = page.goto(f"{house.base_url}/test/")
    assert answer is not None
    assert answer.status == 404
    assert re.match(r"http://localhost:\d+/test/", get_address(house))
