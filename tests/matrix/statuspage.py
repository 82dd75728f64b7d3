"""Who may open the addresses of statuspage."""

from collections.abc import Mapping

from tests.matrix.rules import Lookup, Rule

RULES: Mapping[str, Rule] = {}
ARGUMENTS: Mapping[str, Lookup] = {}
