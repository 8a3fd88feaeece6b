"""Traces: a real collector hears of every part of the service, and one that does not answer keeps nobody."""

import http.server
import smtplib
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from pydantic import ValidationError

from mailserver.foundation.settings import Tracing
from mailserver.foundation.tracing import MOST_WAITING, NOTHING, Traces
from tests.harness import DEMO_PASSWORD, Instance
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import PATIENCE, until


class Collector(http.server.ThreadingHTTPServer):
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/traces"

    def named(self, name: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name == name]


class _Taking(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        self.server.spans += [
            span for resource in told.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def facts(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_collector_hears_of_every_part(fresh: Callable[..., Instance], collector: Collector) -> None:
    instance = fresh("--demo")
    nobody = f"127.0.0.1:{free_port()}"
    instance.configure(
        f'[tracing]\nurl = "{collector.url}"\nshare = 1.0\nseconds = 0.1\n[outbound]\nsmarthost = "{nobody}"\n'
    )
    instance.start("--workers", "1")
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=PATIENCE) as client:
        client.sendmail("a@a.example", "edupont@ac-exemple.fr", b"Subject: Un-secret\r\n\r\nUn-secret\r\n")
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", instance.ports["submissions"], timeout=PATIENCE, context=context) as client:
        client.login("edupont", DEMO_PASSWORD)
        sender = "emilie.dupont@ac-exemple.fr"
        client.sendmail(sender, "x@ailleurs.example", f"From: {sender}\r\nSubject: Un-secret\r\n\r\nx\r\n")
    with instance.imap("edupont") as imap:
        imap.status("INBOX", "(MESSAGES)")
    web = f"http://127.0.0.1:{instance.ports['http']}"
    httpx.get(f"{web}/aide", timeout=PATIENCE)
    httpx.request("PROPFIND", f"{web}/dav/", auth=("edupont", DEMO_PASSWORD), timeout=PATIENCE)
    wanted = ("smtp.transaction", "delivery", "queue.attempt", "imap.command", "web.request", "dav.request", "sql.read")
    until(lambda: all(collector.named(name) for name in (*wanted, "sql.write")))
    until(lambda: len(collector.named("smtp.transaction")) == 2)
    transactions = {facts(span)["door"]: span for span in collector.named("smtp.transaction")}
    assert facts(transactions["smtp"])["code"] == "250"
    (delivery,) = collector.named("delivery")
    assert delivery.parent_span_id == transactions["smtp"].span_id
    assert delivery.trace_id in {span.trace_id for span in collector.named("sql.write")}
    assert facts(collector.named("queue.attempt")[0])["message"] == facts(transactions["submission"])["message"]
    assert "status" in {facts(span)["command"] for span in collector.named("imap.command")}
    assert {facts(span)["status"] for span in collector.named("dav.request")} == {207}
    said = repr([(span.name, facts(span)) for span in collector.spans])
    assert not [word for word in ("dupont", "ailleurs", "Un-secret", "127.0.0.1", "/aide") if word in said]
    instance.stop()


def test_off_nothing_is_imported() -> None:
    """And a span is one object, whoever asks."""
    traces = Traces()
    traces.open(Tracing(), "mail.example")
    assert traces.begin("one") is NOTHING
    assert traces.span("one", door="smtp") is traces.span("two")
    with traces.span("one") as span:
        span.set(code="250")
    code = (
        "import sys, mailserver.foundation.tracing\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=PATIENCE)


class Stuck(SpanExporter):
    """A collector that does not answer until it is let go."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.released.wait(PATIENCE)
        return SpanExportResult.FAILURE


def test_a_collector_that_does_not_answer_keeps_nobody() -> None:
    """What it cannot take is dropped; the end of the process does not wait for it."""
    traces, exporter = Traces(), Stuck()
    traces.open(Tracing(url="http://127.0.0.1:9/", share=1.0, seconds=0.1), "mail.example", exporter)
    try:
        with traces.span("first"):
            pass
        assert exporter.asked.wait(PATIENCE)
        for _ in range(3 * MOST_WAITING):
            with traces.span("more", door="smtp") as span:
                span.set(code="250")
        assert not exporter.released.is_set()
        traces.close()
        assert traces.begin("after") is NOTHING
        assert not exporter.released.is_set()
    finally:
        exporter.released.set()


def test_without_the_packages_the_service_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    traces = Traces()
    traces.open(Tracing(url="http://127.0.0.1:9/"), "mail.example")
    assert not traces.is_on


@pytest.mark.parametrize("values", [{"url": "127.0.0.1:4318"}, {"url": "ftp://x/"}, {"share": 2}, {"seconds": 0}])
def test_settings_that_cannot_be_used(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Tracing.model_validate(values)
