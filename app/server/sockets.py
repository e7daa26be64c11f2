"""The listening socket, or one line that says why it cannot be opened."""

import errno
import socket
import sys

from . import STARTUP_FAILURE

BACKLOG = 2048  # as uvicorn's own sockets have


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket that child processes inherit; port 0 takes a free one.

    Connections made before a worker accepts them wait in the backlog. Exits with STARTUP_FAILURE,
    after one line, where the socket cannot be opened.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        print(f"cutout: {explain_bind_error(error, host, port)}", file=sys.stderr)
        raise SystemExit(STARTUP_FAILURE) from None
    listening.set_inheritable(True)
    return listening


def explain_bind_error(error: OSError, host: str, port: int) -> str:
    """Say why the socket cannot be opened, and which option or setting to change."""
    another_port = "choose another with --port or CUTOUT_PORT"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use on {host}; {another_port}"
    if error.errno == errno.EACCES:
        return f"permission denied: cannot bind to port {port}; {another_port}"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        another_host = "choose another with --host or CUTOUT_HOST"
        return f"{host} is not an address of this machine; {another_host}"
    return f"cannot listen on port {port} of {host}: {error.strerror}"


def without_mapping(address: str) -> str:
    """Return `a.b.c.d` for `::ffff:a.b.c.d`, as a socket for both families names IPv4 clients."""
    mapped = address.removeprefix("::ffff:")
    return mapped if "." in mapped else address
