"""Serve one page to the browsers of this machine: some give MIDI only to a page that has an address."""

from __future__ import annotations

import errno
import os
import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
"""Other machines cannot reach this address."""
NAMES = (HOST, "localhost")
"""The names by which a browser may call it."""
HIGHEST_PORT = 65535
_HTTP_PORT = 80
"""The port that a browser leaves out of an address."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "midi=(self)",
    # The policy of the page itself is in the page, where this part of it would have no effect.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PageServer(ThreadingHTTPServer):
    """A server of one page. Its port is taken at once; browsers that ask before `serve` wait.

    Args:
        port: from 0 to 65535; 0 takes any free one.

    Raises:
        ValueError: if the port cannot be taken.
    """

    # On Windows the first, elsewhere the second would take a port from another program.
    allow_reuse_address = os.name != "nt"
    allow_reuse_port = False

    def __init__(self, port: int = 0):
        self.page = b""
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            reason = "another program uses it" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
            raise ValueError(f"port={port}: {reason}; port=0 takes any free one") from error

    def server_bind(self) -> None:
        """Take the port, without the look-up of this machine's name that HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = NAMES[0], self.server_address[1]

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser that was given the address may state as its host."""
        without_port = NAMES if self.server_port == _HTTP_PORT else ()
        return frozenset([f"{name}:{self.server_port}" for name in NAMES] + [*without_port])

    def serve(self, page: str) -> None:
        """Answer browsers until another thread calls ``shutdown``, or Ctrl-C."""
        self.page = page.encode("utf-8", "backslashreplace")
        self.serve_forever()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that is gone before it has the page."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 30  # seconds, of a browser that connects and sends nothing
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def version_string(self) -> str:
        """The name of this server, without the version of Python."""
        return "melgen"

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def _answer(self, has_body: bool) -> None:
        # A name that a stranger's page has let point to this machine would give that page access to ours.
        stated = self.headers.get_all("Host", [])
        if len(stated) != 1 or stated[0].strip().lower() not in self.server.hosts:
            self.send_error(HTTPStatus.FORBIDDEN, f"only {' and '.join(NAMES)} are served")
        elif self.path != "/":
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(self.server.page)))
            self.end_headers()
            if has_body:
                self.wfile.write(self.server.page)

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the address is all that a user needs to read."""
