"""How strong a proof must be: what a request and a client demand, and whether a session has it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.queries import ACR_ONE_FACTOR, ACR_TWO_FACTORS
from oidc.models import ClientProfile
from oidc.protocol.authorization import AuthorizationRequest
from oidc.protocol.errors import AuthorizationError

UNMET = "unmet_authentication_requirements"


@dataclass(frozen=True, slots=True)
class Demand:
    """Whether a second factor is wanted or demanded, and how old it may be."""

    is_wanted: bool = False
    is_required: bool = False
    max_age: timedelta | None = None


def read_demand(asked: AuthorizationRequest, client: ClientProfile) -> Demand:
    """Return how strong a proof must be.

    `acr_values` are a wish: who has a second factor is asked for it, nobody is sent away. The
    client's own setting and an essential `acr` must be met (Core 5.5.1.1).

    Raises: AuthorizationError.
    """
    values = [value for value in list_wanted(asked) if value in {ACR_ONE_FACTOR, ACR_TWO_FACTORS}]
    is_essential = asked.claims.is_acr_essential and bool(asked.claims.acr_values)
    if is_essential and not values:
        raise AuthorizationError(UNMET, "No such acr is known.")
    return Demand(
        is_wanted=values[:1] == [ACR_TWO_FACTORS],
        is_required=client.require_second_factor or (is_essential and ACR_ONE_FACTOR not in values),
        max_age=client.second_factor_age,
    )


def list_wanted(asked: AuthorizationRequest) -> tuple[str, ...]:
    """Return the acr values that are asked for, the dearest first; `claims` goes before."""
    return asked.claims.acr_values or asked.acr_values


def is_proof_enough(
    demand: Demand, *, acr: str, second_factor_at: datetime | None, asked_at: int, at: datetime
) -> bool:
    """Tell whether a session's proof meets a demand; one given since we asked is never too old."""
    if acr != ACR_TWO_FACTORS or second_factor_at is None:
        return False
    if demand.max_age is None:
        return True
    is_answer = bool(asked_at) and int(second_factor_at.timestamp()) >= asked_at
    return is_answer or at - second_factor_at <= demand.max_age


def choose_acr(asked: AuthorizationRequest, acr: str) -> str:
    """Return the level to tell: two factors are one as well, for who asked for just that."""
    wanted = list_wanted(asked)
    if acr == ACR_TWO_FACTORS and acr not in wanted and ACR_ONE_FACTOR in wanted:
        return ACR_ONE_FACTOR
    return acr
