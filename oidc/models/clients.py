"""What a service is to the provider, beside the library's own client row."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from oidc_provider.models import Client

from auditlog.actors import Ref
from companies.models import Company
from oidc.models.keys import Algorithm
from services.models import Service
from vop.lib.db import UUIDModel, in_force


class AuthMethod(models.TextChoices):
    """How a client proves who it is: exactly one way per client (RFC 6749 2.3)."""

    BASIC = "client_secret_basic", "client_secret_basic"
    POST = "client_secret_post", "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt", "private_key_jwt"
    NONE = "none", "none"


SECRET_METHODS = frozenset({AuthMethod.BASIC, AuthMethod.POST})


class Profile(models.TextChoices):
    """Which rules a client lives by."""

    OIDC = "oidc", "OpenID Connect"
    FAPI2 = "fapi2", "FAPI 2.0"


class GrantType(models.TextChoices):
    """What a client may do at the token endpoint."""

    CODE = "authorization_code", "authorization_code"
    REFRESH = "refresh_token", "refresh_token"
    MACHINE = "client_credentials", "client_credentials"


class RefreshPolicy(models.TextChoices):
    """When a client gets a refresh token."""

    ON_REQUEST = "on_request", _("When it asks for offline_access")
    ALWAYS = "always", _("Always")


class ClientProfile(models.Model):
    """What the library's client row doesn't say: its service, its proof, its rules.

    Name, client_id, redirect URIs, post-logout URIs and scopes stand in the library's row; its
    `client_secret` stays empty, secrets are ClientSecret rows.
    """

    client = models.OneToOneField(
        Client, on_delete=models.PROTECT, primary_key=True, related_name="profile"
    )
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="clients", verbose_name=_("service")
    )
    auth_method = models.CharField(_("authentication"), max_length=30, choices=AuthMethod)
    jwks = models.JSONField(_("public keys"), null=True, blank=True)
    jwks_uri = models.URLField(_("address of public keys"), blank=True, default="")
    id_token_alg = models.CharField(
        _("ID token algorithm"), max_length=10, choices=Algorithm, default=Algorithm.RS256
    )
    require_pkce = models.BooleanField(_("PKCE required"), default=True)
    require_pushed_requests = models.BooleanField(_("pushed requests only"), default=False)
    require_signed_request = models.BooleanField(_("signed requests only"), default=False)
    require_dpop = models.BooleanField(_("key-bound tokens only"), default=False)
    profile = models.CharField(_("profile"), max_length=10, choices=Profile, default=Profile.OIDC)
    grant_types = models.JSONField(_("grant types"))
    refresh_policy = models.CharField(
        _("refresh tokens"), max_length=20, choices=RefreshPolicy, default=RefreshPolicy.ON_REQUEST
    )
    customer_claims = models.BooleanField(
        _("customer claims"),
        default=False,
        help_text=_("Also customer_id, customer_no, customer_name, orgno, customer_country_code."),
    )
    require_second_factor = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("People without one are asked to set one up on the way to the service."),
    )
    second_factor_max_age = models.PositiveIntegerField(
        _("second factor at most this old"),
        null=True,
        blank=True,
        help_text=_("In seconds; empty: one proof per sign-in is enough."),
    )
    machine_company = models.ForeignKey(
        Company,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="machine_clients",
        verbose_name=_("machine for"),
        help_text=_("The company that client_credentials acts for."),
    )
    frontchannel_logout_uri = models.TextField(_("front-channel logout"), blank=True, default="")
    backchannel_logout_uri = models.TextField(_("back-channel logout"), blank=True, default="")
    created_at = models.DateTimeField(_("created"))
    disabled_at = models.DateTimeField(_("disabled"), null=True, blank=True)

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        constraints = [
            models.CheckConstraint(
                condition=Q(auth_method__in=AuthMethod.values),
                name="client_authentication_is_known",
            ),
            models.CheckConstraint(
                condition=Q(profile__in=Profile.values), name="client_profile_is_known"
            ),
            models.CheckConstraint(
                condition=Q(refresh_policy__in=RefreshPolicy.values),
                name="client_refresh_policy_is_known",
            ),
            models.CheckConstraint(
                condition=Q(id_token_alg__in=Algorithm.values), name="client_algorithm_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(auth_method=AuthMethod.NONE) | Q(require_pkce=True),
                name="public_client_always_uses_pkce",
            ),
            models.CheckConstraint(
                condition=~Q(auth_method=AuthMethod.NONE) | Q(machine_company=None),
                name="public_client_is_no_machine",
            ),
        ]

    def __str__(self) -> str:
        return str(self.client)

    @property
    def ref(self) -> Ref:
        """The client as the log names it."""
        return Ref("client_app", self.client_id_text, str(self.client.name))

    @property
    def client_id_text(self) -> str:
        """The `client_id` of the protocol (`client_id` is the column of the foreign key)."""
        return str(self.client.client_id)

    @property
    def is_public(self) -> bool:
        """Whether it can keep no secret."""
        return self.auth_method == AuthMethod.NONE

    @property
    def uses_secret(self) -> bool:
        """Whether it proves itself with a secret."""
        return self.auth_method in SECRET_METHODS

    @property
    def redirect_uris(self) -> list[str]:
        """The registered redirect URIs."""
        return list(self.client.redirect_uris)

    @property
    def post_logout_redirect_uris(self) -> list[str]:
        """The registered post-logout redirect URIs."""
        return list(self.client.post_logout_redirect_uris)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that it may ask for."""
        return frozenset(self.client.scope)

    @property
    def must_push(self) -> bool:
        """Whether it may only ask by a pushed request (FAPI 2.0 5.3.2.2)."""
        must_sign = (
            self.require_signed_request
        )  # request objects count at the pushed endpoint alone
        return self.require_pushed_requests or must_sign or self.profile == Profile.FAPI2

    @property
    def must_bind_tokens(self) -> bool:
        """Whether its tokens are always bound to a key (RFC 9449; FAPI 2.0 5.3.2.1)."""
        return self.require_dpop or self.profile == Profile.FAPI2

    @property
    def rotates_refresh_tokens(self) -> bool:
        """Whether each use of a refresh token makes a new one (FAPI 2.0 5.3.2.1 forbids it)."""
        return self.profile != Profile.FAPI2

    @property
    def second_factor_age(self) -> timedelta | None:
        """How old a proof of the second factor may be, if that matters."""
        seconds = self.second_factor_max_age
        return None if seconds is None else timedelta(seconds=seconds)

    def may_use(self, grant_type: str) -> bool:
        """Whether it may use a grant type."""
        return grant_type in self.grant_types


class ClientSecretQuerySet(models.QuerySet["ClientSecret"]):
    def in_force(self, at: datetime) -> Self:
        """Select secrets that are accepted at an instant."""
        return self.filter(in_force(at))


class ClientSecret(UUIDModel):
    """The digest of a secret; two can hold at once, so that a client changes without a gap."""

    client = models.ForeignKey(ClientProfile, on_delete=models.CASCADE, related_name="secrets")
    digest = models.CharField(max_length=64, editable=False)
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = ClientSecretQuerySet.as_manager()

    class Meta:
        verbose_name = _("client secret")
        verbose_name_plural = _("client secrets")
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="client_secret_is_unique"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="client_secret_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"secret of {self.client_id}"


class UsedAssertion(models.Model):
    """The digest of an assertion's `jti`: seen once, refused from then on (RFC 7523 3)."""

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest
