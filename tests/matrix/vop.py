"""Who may open the addresses that belong to no room."""

from collections.abc import Mapping

from tests.matrix.rules import POST, Lookup, Rule, public, signed_in, workplace

RULES: Mapping[str, Rule] = {
    "home": signed_in(),
    "company_home": workplace(),
    "set_language": public(POST),
    "set_theme": public(POST),
    "live": public(),
    "ready": public(),
    "metrics": public(),
}
ARGUMENTS: Mapping[str, Lookup] = {"company_id": lambda world: world.company.pk}
