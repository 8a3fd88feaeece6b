"""The board in Prometheus' words, and what the system knows of the processes that live."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.metrics.board import HERE, Board
from mailserver.foundation.metrics.families import FAMILIES, PREFIX, Counter, Family, Histogram

CONTENT_TYPE = CONTENT_TYPE_LATEST
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def written(more: Iterable[Metric] = ()) -> bytes:
    """Every figure of every process, and what else is given."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given([*_families(HERE.board), *_processes(HERE.board), *more]))
    return generate_latest(registry)


class _Given(Collector):
    """What prometheus_client writes out; it puts the words and their escapes right."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _families(board: Board) -> Iterator[Metric]:
    assert catalogue.CONNECTIONS in FAMILIES  # all of them are declared there
    return (_metric(family, board) for family in FAMILIES)


def _metric(family: Family, board: Board) -> Metric:
    metric: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
    if isinstance(family, Histogram):
        metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        names = [str(bound) for bound in family.bounds] + ["+Inf"]
        for sample in family.samples(board):
            *counts, total = sample.numbers
            buckets = list(zip(names, accumulate(counts), strict=True))
            metric.add_metric(sample.labels, buckets=buckets, sum_value=total)
        return metric
    kind = CounterMetricFamily if isinstance(family, Counter) else GaugeMetricFamily
    metric = kind(family.name.removesuffix("_total"), family.help, labels=family.labels)
    for sample in family.samples(board):
        metric.add_metric(sample.labels, sample.numbers[0])
    return metric


@dataclass(frozen=True, slots=True)
class _Process:
    name: str
    cpu: float
    resident: float
    started: float
    handles: int


def _processes(board: Board) -> Iterator[Metric]:
    """Each process that lives; one that died between two looks is left out."""
    labels = ("process", "place")
    cpu = CounterMetricFamily(PREFIX + "process_cpu_seconds", "Processor time used", labels=labels)
    resident = GaugeMetricFamily(PREFIX + "process_resident_memory_bytes", "Memory in use", labels=labels)
    handles = GaugeMetricFamily(PREFIX + "process_open_fds", "Open files and connections", labels=labels)
    started = GaugeMetricFamily(PREFIX + "process_start_time_seconds", "When it began, by the clock", labels=labels)
    for index, pid in board.living():
        found = _look(pid)
        if found is not None:
            named = (found.name, str(index))
            cpu.add_metric(named, found.cpu)
            resident.add_metric(named, found.resident)
            handles.add_metric(named, found.handles)
            started.add_metric(named, found.started)
    yield from (cpu, resident, handles, started)


def _look(pid: int) -> _Process | None:
    """As proc(5) tells it."""
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        boot = next(
            float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime ")
        )
        handles = len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, StopIteration):
        return None
    fields = tail.split()
    name = head.partition("(")[2]
    cpu = (int(fields[11]) + int(fields[12])) / _TICKS
    return _Process(name, cpu, float(int(fields[21]) * _PAGE), boot + int(fields[19]) / _TICKS, handles)
