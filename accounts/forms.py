"""The forms of signing in and of one's own account: labels and hints in our words."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from allauth.account.forms import (
    AddEmailForm,
    ChangePasswordForm,
    ConfirmEmailVerificationCodeForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as CodeReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User

PASSWORD_HELP = _("At least 12 characters. A few unrelated words are easy to remember.")
MAX_ADDRESS = 254
CODE_HELP = _("Six digits from your authenticator app, or one of your recovery codes.")


def _set_up(field: forms.Field, *, label: Any, help_text: Any = "", **attributes: str) -> None:
    """Give a library's field our words; a placeholder isn't a label, so it goes."""
    field.label = label
    field.help_text = help_text
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs.update(attributes)


def _set_up_code(field: forms.Field, *, help_text: Any) -> None:
    _set_up(
        field,
        label=_("Code"),
        help_text=help_text,
        autocomplete="one-time-code",
        inputmode="numeric",
        autofocus="",
    )


class SignInForm(LoginForm):
    """The library's form, drawn once per language as everybody sees it first."""

    _drawn: ClassVar[dict[str | None, SafeString]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up(self.fields["login"], label=_("E-mail address"), autocomplete="username")
        _set_up(self.fields["password"], label=_("Password"))
        hint = self.request.GET.get("login", "") if self.request else ""
        if len(hint) <= MAX_ADDRESS and "@" in hint:
            self.fields["login"].initial = hint

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        """Draw it; with nothing typed and nothing hinted at it is the same for everybody."""
        draw = cast("Callable[..., SafeString]", super().render)
        if args or kwargs or self.is_bound or self.fields["login"].initial:
            return draw(*args, **kwargs)
        language = get_language()
        if language not in self._drawn:
            self._drawn[language] = draw()
        return self._drawn[language]

    __str__ = __html__ = render


class ForgottenPasswordForm(ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up(self.fields["email"], label=_("E-mail address"), autocomplete="username")


class NewPasswordForm(ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        _set_up(self.fields["password1"], label=_("New password"), help_text=PASSWORD_HELP)


class OtherPasswordForm(ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        _set_up(self.fields["oldpassword"], label=_("Current password"))
        _set_up(self.fields["password1"], label=_("New password"), help_text=PASSWORD_HELP)


class FirstPasswordForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        _set_up(self.fields["password1"], label=_("Password"), help_text=PASSWORD_HELP)


class ConfirmPasswordForm(ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up(self.fields["password"], label=_("Password"))


class EmailForm(AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up(self.fields["email"], label=_("New e-mail address"), autocomplete="email")


class EmailCodeForm(ConfirmEmailVerificationCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up_code(self.fields["code"], help_text=_("The code that we sent by e-mail."))
        self.fields["code"].widget.attrs["inputmode"] = "text"


class SecondStepForm(AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up_code(self.fields["code"], help_text=CODE_HELP)


class ConfirmCodeForm(CodeReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up_code(self.fields["code"], help_text=CODE_HELP)


class TotpForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_up_code(
            self.fields["code"], help_text=_("The six digits that the app shows right now.")
        )


class SignUpForm(forms.Form):
    """An invited person's name and password; the address is the invited one."""

    full_name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        help_text=PASSWORD_HELP,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Check the password against what is known of the person."""
        password = self.cleaned_data.get("password")
        person = User(email=self.email, full_name=self.cleaned_data.get("full_name", ""))
        if password:
            try:
                password_validation.validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return self.cleaned_data


class ProfileForm(forms.Form):
    full_name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
