"""Figures of one worker that are no page's: the web interface shows them at /metrics beside its own."""

from prometheus_client import CollectorRegistry

REGISTRY = CollectorRegistry()
