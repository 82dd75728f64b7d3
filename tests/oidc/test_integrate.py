"""What docs/integrate.md says: its code, claims, errors and commands are the real ones."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import load_command_class
from django.utils import timezone

from companies.models import Company
from oidc.models import Grant, LogoutDelivery
from oidc.protocol.logout_token import build_logout_token
from oidc.protocol.metadata import build_metadata
from tests.architecture.tree import ROOT, list_files
from tests.oidc.relying_party import RelyingParty

TEXT = (ROOT / "docs" / "integrate.md").read_text("utf-8")
EXAMPLES = ROOT / "deploy" / "examples"
BLOCKS = re.findall(r'```(python|js) title="([^"]+)"\n(.*?)```', TEXT, re.DOTALL)
SHOWN = {
    name: json.loads(text)
    for name, text in re.findall(r'```json title="([a-z_]+)"\n(.*?)```', TEXT, re.DOTALL)
}
# Claims that other tests see: of clients with --customer-claims, and of mandates.
ELSEWHERE = {
    "customer_id", "customer_no", "customer_name", "orgno", "customer_country_code", "act",
}  # fmt: skip
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]


def list_names(text: str) -> set[str]:
    """The words in code type of a table's cell."""
    return set(re.findall(r"`([a-z_]+)`", text))


@pytest.mark.parametrize(("language", "file", "code"), BLOCKS, ids=[b[1] for b in BLOCKS])
def test_code_on_the_page_is_code_of_an_example(language: str, file: str, code: str) -> None:
    assert code in (EXAMPLES / file).read_text("utf-8")


def test_every_example_is_shown_on_the_page() -> None:
    programs = {
        str(file.relative_to(EXAMPLES))
        for file in EXAMPLES.rglob("*")
        if file.suffix in {".py", ".mjs"} and "node_modules" not in file.parts
    }
    assert programs == {file for _language, file, _code in BLOCKS}


def test_commands_on_the_page_exist() -> None:
    parser = load_command_class("oidc", "register_client").create_parser("manage.py", "x")
    known = {option for action in parser._actions for option in action.option_strings}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert named
    assert named <= known


def get_claim_rows() -> dict[str, str]:
    """Every claim of the reference and where it is said to stand."""
    start = ROWS.index(next(row for row in ROWS if row[0] == "| claim"))
    rows: dict[str, str] = {}
    for row in ROWS[start + 1 :]:
        if not row[0].startswith("| `") or len(row) != 5:
            break
        rows |= dict.fromkeys(list_names(row[0]), row[2])
    return rows


def test_every_claim_is_in_the_reference() -> None:
    promised = set(build_metadata("https://x.example")["claims_supported"])
    assert set(get_claim_rows()) == promised


def test_tokens_look_as_shown(rp: RelyingParty, acme: Company) -> None:
    tokens = rp.get_tokens()
    told: dict[str, dict[str, Any]] = {
        "id_token": rp.read_id_token(tokens["id_token"]),
        "introspection": rp.post("introspect", token=tokens["access_token"]).json(),
        "logout_token": dict(
            build_logout_token(
                LogoutDelivery(client=rp.profile, company=acme, sid=Grant.objects.get().sid),
                at=timezone.now(),
            )
        ),
    }
    assert {name: shape_of(claims) for name, claims in told.items()} == {
        name: shape_of(claims) for name, claims in SHOWN.items()
    }
    userinfo = rp.userinfo(tokens["access_token"]).json()
    places = {**told, "userinfo": userinfo}
    for claim, where in get_claim_rows().items():
        for place, claims in places.items():
            is_promised = "everywhere" in where or place.replace("_", " ") in where.lower()
            if claim not in ELSEWHERE:
                assert (claim in claims) == is_promised, (claim, place)


def shape_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape_of(inner) for name, inner in value.items()}
    return type(value)


def test_every_error_of_the_provider_is_explained() -> None:
    pattern = re.compile(
        r'"((?:invalid|unsupported|unmet|insufficient|unauthorized|temporarily)_[a-z_]+'
        r'|access_denied|[a-z]+_required|[a-z_]+_not_supported)"'
    )
    source = "\n".join(file.read_text("utf-8") for file in list_files("oidc"))
    said = set(pattern.findall(source)) - {"pkce_required"}
    page = TEXT[TEXT.index("## 9.") : TEXT.index("## 10.")]
    assert said <= set(re.findall(r"`([a-z_]+)`", page))


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!#)([^)#]+)", TEXT):
        assert (Path(ROOT / "docs") / target).exists(), target
