import pytest

from services.protocol import build_launch_url


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("https://a.example/", "https://a.example/?iss=I&company=7"),
        ("https://a.example/x?y=1&tom=", "https://a.example/x?y=1&tom=&iss=I&company=7"),
        ("https://a.example/x?company=9", "https://a.example/x?iss=I&company=7"),
        ("https://a.example/x#del", "https://a.example/x?iss=I&company=7#del"),
    ],
)
def test_launch_url_keeps_its_own_query(start: str, expected: str) -> None:
    assert build_launch_url(start, issuer="I", company_id=7) == expected
