from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from services.queries import get_picture
from vop.lib.errors import NotFound
from vop.lib.pictures import CONTENT_TYPE


@require_safe
def picture(request: HttpRequest, slug: str, sha256: str) -> HttpResponse:
    """Serve a service's picture to anybody: what stands at an address never changes."""
    content = get_picture(slug, sha256)
    if content is None:
        raise NotFound
    return HttpResponse(
        content,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
