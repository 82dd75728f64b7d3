"""The main job, by mouse: sign in, choose a company, open a service, and find the traces."""

import json
import re
from urllib.request import urlopen

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.conftest import House

pytestmark = pytest.mark.browser

ANNA = "anna@exempel.se"
COMPANY = "Bageri Solros AB"


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains of: a blocked form, a missing file, a broken script."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def sign_in(page: Page, house: House, email: str = ANNA) -> None:
    page.goto(house.base_url)
    page.get_by_label("E-postadress").fill(email)
    page.get_by_label("Lösenord", exact=True).fill(house.get_password(email))
    page.get_by_role("main").get_by_role("button", name="Logga in").click()


def choose_company(page: Page, house: House) -> None:
    page.goto(f"{house.base_url}/companies/")
    page.get_by_role("row", name=COMPANY).get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(COMPANY)


def test_person_walks_the_main_job_by_mouse(
    page: Page, house: House, complaints: list[str]
) -> None:
    sign_in(page, house)
    choose_company(page, house)
    portal = page.url

    page.get_by_role("main").get_by_role("link", name="Bokföring").click()

    # Another origin: the service has signed her in, for this company, with her role there.
    expect(page.locator("#name")).to_have_text("Anna Andersson")
    expect(page.locator("#company")).to_have_text(COMPANY)
    expect(page.locator("#org-number")).to_have_text("559900-0105")
    expect(page.locator("#roles")).to_contain_text("Administratör")
    assert not page.url.startswith(house.base_url)
    page.locator("#refresh").click()
    expect(page.locator("#company")).to_have_text(COMPANY)

    buy_a_service(page, portal)
    check_the_basis(page, portal)
    check_the_log(page, portal)
    check_the_statistics(page, portal, house)
    assert complaints == []


def buy_a_service(page: Page, portal: str) -> None:
    page.goto(portal)
    tile = page.get_by_role("listitem").filter(has_text="Kvitto")
    tile.get_by_role("link", name=re.compile("Köp")).click()
    page.locator("main a[href$='/buy/kvitto-manad/']").click()
    page.locator("main input[name=quantity]").fill("3")
    page.locator("#order-preview").click()
    expect(page.locator("#preview-now")).to_contain_text("87,75")  # 3 × 39,00, a quarter off
    page.locator("#order-confirm").click()
    expect(page.get_by_role("main")).to_contain_text("Kvitto")


def check_the_basis(page: Page, portal: str) -> None:
    page.goto(f"{portal}invoices/")
    page.get_by_role("main").locator("tbody a").first.click()
    main = page.get_by_role("main")
    # 117.00 less the campaign's quarter, 25 % VAT, öresavrundning up to whole kronor.
    for amount in ("87,75", "21,94", "0,31", "110,00"):
        expect(main).to_contain_text(amount)


def check_the_log(page: Page, portal: str) -> None:
    page.goto(f"{portal}log/")
    rows = page.locator("main tbody tr")
    for trace in ("Inloggning", "Företag valt", "Inloggning i en tjänst", "Beställning"):
        expect(rows.filter(has_text=trace).first).to_contain_text("Anna Andersson")


def check_the_statistics(page: Page, portal: str, house: House) -> None:
    """The chart counts one sign-in more after one more."""
    before = count_sign_ins(page, portal)
    browser = page.context.browser
    assert browser is not None
    elsewhere = browser.new_context(locale="sv-SE")
    another = elsewhere.new_page()
    sign_in(another, house)
    expect(another).to_have_url(re.compile("/c/"))
    elsewhere.close()

    assert count_sign_ins(page, portal) == before + 1


def count_sign_ins(page: Page, portal: str) -> int:
    page.goto(f"{portal}statistics/")
    text = page.locator("main").inner_text()
    found = re.search(r"Inloggningar\s+(\d+)", text)
    assert found is not None
    return int(found.group(1))


def test_service_sign_out_ends_the_session_and_leads_back(page: Page, house: House) -> None:
    sign_in(page, house)
    choose_company(page, house)
    page.get_by_role("main").get_by_role("link", name="Lön").click()
    expect(page.locator("#company")).to_have_text(COMPANY)

    page.locator("#sign-out").click()

    expect(page).to_have_url(re.compile(r"/lon/signed-out"))
    page.goto(house.base_url)
    expect(page).to_have_url(re.compile("/login/"))


def test_portal_works_without_script(browser_name: str, page: Page, house: House) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(
        java_script_enabled=False, locale="sv-SE", viewport={"width": 390, "height": 844}
    )
    plain = context.new_page()
    sign_in(plain, house)
    choose_company(plain, house)
    plain.get_by_role("main").get_by_role("link", name="Bokföring").click()

    expect(plain.locator("#company")).to_have_text(COMPANY)
    context.close()


def test_status_site_tells_the_truth_on_its_own_origin(page: Page, house: House) -> None:
    with urlopen(f"{house.status_url}/api/v2/summary.json") as answer:
        summary = json.load(answer)
    assert summary["status"]["indicator"] in {"none", "maintenance"}
    assert summary["scheduled_maintenances"]

    page.goto(house.status_url)

    expect(page.get_by_role("main")).to_contain_text("Inloggning")


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen(page: Page, house: House, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, house)
    choose_company(page, house)
    portal = page.url
    pages = ["", "services/", "members/", "subscriptions/", "buy/", "invoices/", "log/"]
    for path in [*pages, "statistics/", "company/"]:
        page.goto(f"{portal}{path}")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, path
