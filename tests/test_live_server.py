"""The live server that tests of whole programs ask."""

import threading

import requests
from pytest_django.live_server_helper import LiveServer

from tests.live_server import HangingUpServer


def test_live_server_ends_the_connections_that_are_kept_open(live_server: LiveServer) -> None:
    server = live_server.thread.httpd
    assert isinstance(server, HangingUpServer)
    before = threading.active_count()
    with requests.Session() as session:
        for _again in range(2):
            assert session.get(f"{live_server.url}/login/", timeout=20).status_code == 200
            assert threading.active_count() == before + 1
            server.hang_up()
            assert threading.active_count() == before
