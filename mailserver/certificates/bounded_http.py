"""HTTP to an authority, bounded in octets and time: what the library for ACME asks with.

A limit for each octet that is waited for is none for all of them: whoever sends one now and then would keep a thread
for weeks. So each question has a connection of its own, and a watch that ends it at its time, wherever the thread waits
then: for a handshake, in a header, in the body.
"""

import base64
import contextlib
import http.client
import io
import math
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from requests import exceptions
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    get_encoding_from_headers,
    prepend_scheme_if_needed,
    select_proxy,
)

ANSWER_SECONDS = 30.0
"""Until the authority has answered one question."""
CONNECT_SECONDS = 10.0
"""Until one of its addresses answers."""
MOST_ADDRESSES = 4
MAX_OCTETS = 1 << 20
"""Of an answer."""


class BoundedAdapter(BaseAdapter):
    """What a session of `requests` asks https addresses with. One question at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.until = math.inf
        """By the monotonic clock: from then on nothing is asked any more."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Raises requests.RequestException."""
        seconds = min(ANSWER_SECONDS, self.until - time.monotonic())
        if seconds <= 0:
            raise exceptions.ReadTimeout("too long for one step", request=request)
        with _Watch(seconds) as watch:
            try:
                return _ask(request, watch, verify, select_proxy(request.url or "", dict(proxies or {})))
            except exceptions.RequestException:
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                # The socket's own end may come just before the question's.
                if watch.is_over or isinstance(error, TimeoutError):
                    raise exceptions.ReadTimeout(f"more than {seconds:.0f} s", request=request) from error
                said = str(error) or type(error).__name__
                raise exceptions.ConnectionError(said, request=request) from error

    def close(self) -> None:
        """Nothing stays open between two questions."""


class _Watch:
    """The end of a question: what was opened for it is shut then."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._opened: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._shut()

    def connect(self, address: tuple[str, int], *_: object) -> socket.socket:
        """`socket.create_connection`, of a few addresses, which ends in time. Raises OSError."""
        failed: OSError | None = None
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        for family, kind, protocol, _name, place in found[:MOST_ADDRESSES]:
            opened = socket.socket(family, kind, protocol)
            try:
                self._add(opened)
                opened.settimeout(CONNECT_SECONDS)
                opened.connect(place)
            except OSError as error:
                opened.close()
                failed = error
            else:
                opened.settimeout(ANSWER_SECONDS)
                return opened
        raise failed or OSError("no address")

    def _add(self, opened: socket.socket) -> None:
        with self._lock:
            if self.is_over:
                raise TimeoutError
            self._opened.append(opened.dup())  # TLS takes over the one that it is given

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
        self._shut()

    def _shut(self) -> None:
        with self._lock:
            for each in self._opened:
                with contextlib.suppress(OSError), each:
                    each.shutdown(socket.SHUT_RDWR)
            self._opened.clear()


def _ask(request: requests.PreparedRequest, watch: _Watch, verify: bool | str, proxy: str | None) -> requests.Response:
    """Raises RequestException, OSError, HTTPException, ValueError."""
    url = urlsplit(request.url or "")
    if url.scheme != "https":
        raise exceptions.InvalidSchema(f"not https: {request.url}", request=request)
    # Of none but those that are trusted, whatever the machine trusts otherwise: as `requests` does.
    trust = ssl.create_default_context(cafile=verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
    connection = _connection(url.hostname or "", url.port or http.client.HTTPS_PORT, trust, proxy)
    connection._create_connection = watch.connect  # type: ignore[attr-defined]
    target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    headers = {**request.headers, "Connection": "close", "Accept-Encoding": "identity"}
    body = request.body
    if not isinstance(body, bytes | str | None):
        raise exceptions.InvalidJSONError("a body that is not there yet", request=request)
    with contextlib.closing(connection):
        connection.request(request.method or "GET", target, body=body, headers=headers)
        answer = connection.getresponse()
        octets = answer.read(MAX_OCTETS + 1)
    if watch.is_over:  # what was cut short may look whole
        raise TimeoutError
    if len(octets) > MAX_OCTETS:
        raise exceptions.ContentDecodingError(f"more than {MAX_OCTETS} octets", request=request)
    return _response(request, answer, octets)


def _connection(host: str, port: int, trust: ssl.SSLContext, proxy: str | None) -> http.client.HTTPSConnection:
    """One that is not open yet. Raises RequestException."""
    if not proxy:
        return http.client.HTTPSConnection(host, port, context=trust)
    through = urlsplit(prepend_scheme_if_needed(proxy, "http"))
    if through.scheme != "http" or not through.hostname:
        raise exceptions.InvalidProxyURL("only an http proxy is asked")
    connection = http.client.HTTPSConnection(through.hostname, through.port or http.client.HTTP_PORT, context=trust)
    name, password = get_auth_from_url(proxy)
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    connection.set_tunnel(host, port, {"Proxy-Authorization": f"Basic {basic}"} if name else {})
    return connection


def _response(request: requests.PreparedRequest, answer: http.client.HTTPResponse, octets: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = answer.status, answer.reason
    response.headers = CaseInsensitiveDict(answer.getheaders())
    response.encoding = get_encoding_from_headers(response.headers)
    response.url, response.request = request.url or "", request
    response.raw = io.BytesIO(octets)
    return response
