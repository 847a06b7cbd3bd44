"""A recipient on this machine: a real HTTP server that behaves as a test tells it, and remembers what it was sent."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lifecycle.keys import PublicKey


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as it came in."""

    target: str
    headers: dict[str, str]
    content: bytes

    @property
    def key(self) -> str:
        """Number of the notice."""
        return self.headers["idempotency-key"].strip('"')

    @property
    def document(self) -> dict[str, Any]:
        """What the notice says."""
        return json.loads(self.content)

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether the signature holds, as RFC 9421 (2.5, 3.2) has it checked; read without any library for it."""
        match = re.fullmatch(r'notice=(\(("[^"]+" ?)+\);.+)', self.headers["signature-input"])
        signature = re.fullmatch(r"notice=:([A-Za-z0-9+/=]+):", self.headers["signature"])
        digest = base64.b64encode(hashlib.sha256(self.content).digest()).decode()
        if not match or not signature or self.headers["content-digest"] != f"sha-256=:{digest}:":
            return False
        derived = {"@method": "POST", "@target-uri": self.target}
        names = re.findall(r'"([^"]+)"', match[1].partition(")")[0])
        lines = [f'"{name}": {derived.get(name) or self.headers[name]}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {match[1]}'])
        return key.verifies(base64.b64decode(signature[1]), base.encode())


@dataclass
class Recipient:
    """What the server was sent, and how it answers: one behaviour for each request, the last for all that follow."""

    url: str
    behaviours: list[Any] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def behave(self, *behaviours: Callable[[Recipient, BaseHTTPRequestHandler], None]) -> None:
        """Answer like this from now on."""
        self.behaviours[:] = behaviours

    @property
    def keys(self) -> list[str]:
        """Numbers of the notices it was sent, in their order."""
        return [one.key for one in self.received]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Remember a request, and answer it."""
        content = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self.lock:
            scheme = self.url.partition(":")[0]
            target = f"{scheme}://{headers['host']}{handler.path}"
            self.received.append(Received(target=target, headers=headers, content=content))
            behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        self.arrived.set()
        behaviour(self, handler)


@contextmanager
def recipient(certificate: Path | None = None) -> Iterator[Recipient]:
    """A server on a free port, over TLS where it has a certificate (with its key in the same file)."""
    known: list[Recipient] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known[0].handle(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # several workers call at the same time
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    known.append(Recipient(url=f"{scheme}://127.0.0.1:{server.server_port}/notices?from=us"))
    known[0].behave(acknowledges())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield known[0]
    finally:
        known[0].released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answers(status: int, content: bytes = b"", **headers: str) -> Callable[..., None]:
    """An answer of this status; underscores in the names of headers are hyphens."""

    def behave(_: Recipient, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def acknowledges(reference: str | None = "ref-1") -> Callable[..., None]:
    """An acknowledgement with a reference."""
    return answers(200, json.dumps({"reference": reference}).encode())


def resets(_: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """The connection is cut instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hangs(one: Recipient, _: BaseHTTPRequestHandler) -> None:
    """No answer, until the test is over or lets go."""
    one.released.wait(60)


def answers_late(one: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """An acknowledgement once the test lets go."""
    one.released.wait(60)
    acknowledges()(one, handler)


def answers_twice(one: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """Two answers to one request: an acknowledgement, then a refusal."""
    acknowledges()(one, handler)
    answers(410)(one, handler)


def trickles(one: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """An acknowledgement that takes ten seconds, a byte at a time, each before one would give up on it."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(200):
        if not one.released.wait(0.05):
            handler.wfile.write(b"a")
    handler.wfile.write(b"\r\nContent-Length: 0\r\n\r\n")


def acknowledges_without_end(one: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """An acknowledgement whose content never comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    one.released.wait(60)


def no_http(_: Recipient, handler: BaseHTTPRequestHandler) -> None:
    """An answer that is none."""
    handler.wfile.write(b"what do you mean?\r\n\r\n")


def self_signed(path: Path) -> Path:
    """A certificate for this machine that nobody vouches for, with its key, written to a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recipient")])
    begin = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path
