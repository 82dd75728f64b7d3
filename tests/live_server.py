"""A live server of which nothing outlives the test that used it."""

import socket
from contextlib import suppress
from threading import Thread, current_thread
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer


class HangingUpServer(ThreadedWSGIServer):
    """Django's, which would keep a thread and its database connection for each that is kept open.

    Clients keep theirs (a requests.Session, a service in a process of its own), and asking them for
    `Connection: close` is no way out: Django's server then closes without saying so in its answer,
    and a client that asks again at once finds nobody there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._served: dict[Thread, socket.socket] = {}
        super().__init__(*args, **kwargs)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer what comes on one connection."""
        self._served[current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._served[current_thread()]

    def hang_up(self) -> None:
        """Finish what is being answered, and close every connection."""
        for thread, connection in list(self._served.items()):
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RD)
            thread.join(timeout=20)
            assert not thread.is_alive()
