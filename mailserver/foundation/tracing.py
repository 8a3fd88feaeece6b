"""Traces for OpenTelemetry, by setting: how long the parts of a transaction, a command, a page or a unit took.

Off, a span is one object that does nothing, and nothing of OpenTelemetry is imported. On, spans go to a collector by
OTLP over HTTP from a thread of its own: what it cannot take is dropped, and nobody waits. A span has names, codes and
the identifier of a message; never an address, an account, a path or a word of content.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from mailserver import __version__
from mailserver.foundation.settings import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = structlog.get_logger("tracing")

Value = str | int | float | bool
EXPORT_SECONDS = 5.0
"""For one delivery to the collector."""
MOST_WAITING = 4096
"""Spans that wait for the collector; what is more is dropped."""
STOP_SECONDS = 1.0
"""For what waits when the process ends."""


class Span(Protocol):
    """What one piece of work is told of itself."""

    def set(self, **facts: Value) -> None:
        """Say something about it."""

    def end(self, **facts: Value) -> None:
        """It is over; once."""

    def within(self) -> AbstractContextManager[object]:
        """What begins here is part of it."""


class _Nothing:
    """Of a process that traces nothing."""

    def set(self, **facts: Value) -> None:
        """Nothing."""

    def end(self, **facts: Value) -> None:
        """Nothing."""

    def within(self) -> AbstractContextManager[object]:
        return _NOWHERE


NOTHING: Span = _Nothing()
_NOWHERE = nullcontext(NOTHING)


class Traces:
    """Of one process."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None
        self._provider: TracerProvider | None = None

    @property
    def is_on(self) -> bool:
        """Whether anything is traced."""
        return self._tracer is not None

    def open(self, settings: Tracing, host: str, exporter: Any = None) -> None:
        """Trace from now on, if the settings say where to. After the process was forked. `exporter`: what takes spans
        instead of a collector (a SpanExporter)."""
        if not settings.url:
            return
        try:
            self._provider = _provider(settings, host, exporter)
        except ImportError as error:
            log.error("nothing is traced: install mailserver[traces]", missing=error.name)
            return
        self._tracer = self._provider.get_tracer("mailserver", __version__)

    def close(self) -> None:
        """Send what waits, for a moment; a collector that is away keeps nobody."""
        provider, self._provider, self._tracer = self._provider, None, None
        if provider is not None:
            closing = threading.Thread(target=provider.shutdown, name="traces-end", daemon=True)
            closing.start()
            closing.join(STOP_SECONDS)

    def begin(self, name: str, **facts: Value) -> Span:
        """A piece of work that ends elsewhere."""
        return _Begun(self._tracer, name, facts) if self._tracer is not None else NOTHING

    def span(self, name: str, **facts: Value) -> AbstractContextManager[Span]:
        """A piece of work; what it raises is noted by its kind."""
        return self._span(name, facts) if self._tracer is not None else _NOWHERE

    @contextmanager
    def _span(self, name: str, facts: dict[str, Value]) -> Iterator[Span]:
        assert self._tracer is not None
        span = _Begun(self._tracer, name, facts)
        try:
            with span.within():
                yield span
        except BaseException as error:
            span.set(error=type(error).__name__)
            raise
        finally:
            span.end()


class _Begun:
    """A span of OpenTelemetry."""

    def __init__(self, tracer: "Tracer", name: str, facts: dict[str, Value]) -> None:
        self._span = tracer.start_span(name, attributes=facts)

    def set(self, **facts: Value) -> None:
        self._span.set_attributes(facts)

    def end(self, **facts: Value) -> None:
        if self._span.is_recording():
            self._span.set_attributes(facts)
            self._span.end()

    def within(self) -> AbstractContextManager[object]:
        from opentelemetry.trace import use_span

        return use_span(self._span, record_exception=False, set_status_on_exception=False)


def _provider(settings: Tracing, host: str, exporter: Any) -> "TracerProvider":
    """Raises ImportError."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    told = {"service.name": "mailserver", "service.version": __version__, "host.name": host}
    provider = TracerProvider(
        resource=Resource.create(told), sampler=ParentBased(TraceIdRatioBased(settings.share)), shutdown_on_exit=False
    )
    out = exporter or OTLPSpanExporter(endpoint=settings.url, timeout=EXPORT_SECONDS)
    provider.add_span_processor(
        BatchSpanProcessor(
            out,
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=int(settings.seconds * 1000),
            export_timeout_millis=EXPORT_SECONDS * 1000,
        )
    )
    return provider


TRACES = Traces()
