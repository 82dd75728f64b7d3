"""What staff fill in. Validation only: what may happen when is the operations' business."""

from statuspage.forms.base import StepForm
from statuspage.forms.components import ComponentForm
from statuspage.forms.incidents import (
    AssignForm,
    ConfirmForm,
    DismissForm,
    OpenForm,
    PostmortemForm,
    ResolveForm,
    ReviewForm,
    SuspectForm,
    UpdateForm,
)
from statuspage.forms.planning import (
    AnnounceForm,
    CancelForm,
    CompleteForm,
    MoveForm,
    StartForm,
    UnscheduledForm,
    VerifyForm,
)

__all__ = [
    "AnnounceForm",
    "AssignForm",
    "CancelForm",
    "CompleteForm",
    "ComponentForm",
    "ConfirmForm",
    "DismissForm",
    "MoveForm",
    "OpenForm",
    "PostmortemForm",
    "ResolveForm",
    "ReviewForm",
    "StartForm",
    "StepForm",
    "SuspectForm",
    "UnscheduledForm",
    "UpdateForm",
    "VerifyForm",
]
