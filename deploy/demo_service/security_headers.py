"""What every answer of the demo's services tells the browser to refuse."""

from flask import Response, request


def forbid_foreign_content(
    response: Response, platform_origin: str = "", frame: str = "'none'"
) -> Response:
    """Nothing foreign runs here."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors {frame}; form-action 'self' {platform_origin}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
