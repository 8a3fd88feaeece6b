"""Faults by chance: one small change of the meaning of one place in a module, the same for the same seed."""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.faults.fault import Fault

MODULES: Mapping[str, Sequence[str]] = {
    "mailserver/store/engine/writing.py": (
        "tests/store/test_transactions.py",
        "tests/store/test_outages.py",
        "tests/store/test_moments.py",
        "tests/smtp/test_unknown_commit.py",
    ),
    "mailserver/store/octets/disk.py": ("tests/store/test_blob_files.py", "tests/store/test_synced.py"),
    "mailserver/store/mail/blobs.py": ("tests/store/test_messages.py", "tests/store/test_synced.py"),
    "mailserver/store/queue/spool/leases.py": (
        "tests/smtp/test_spool.py",
        "tests/smtp/test_relay.py",
        "tests/smtp/test_relay_moments.py",
    ),
    "mailserver/store/queue/spool/settling.py": (
        "tests/smtp/test_spool.py",
        "tests/smtp/test_relay.py",
        "tests/smtp/test_relay_moments.py",
    ),
    "mailserver/store/mail/access/acts.py": ("tests/store/test_access.py", "tests/store/test_each_right.py"),
    "mailserver/store/mail/access/folders.py": ("tests/store/test_access.py", "tests/store/test_each_right.py"),
    "mailserver/store/mail/access/reaching.py": ("tests/store/test_access.py", "tests/store/test_each_right.py"),
    "mailserver/delivery/recipients.py": ("tests/smtp", "tests/lists"),
    "mailserver/delivery/deliver.py": ("tests/smtp", "tests/lists"),
    "mailserver/outbound/submission/submit.py": ("tests/smtp/test_submission.py", "tests/lists"),
    "smtp/wire/framing.py": ("tests/smtp/test_framing.py", "tests/smtp/test_hostile.py"),
    "smtp/relay/delivery_agent.py": ("tests/smtp/test_relay.py", "tests/smtp/test_relay_moments.py"),
    "smtp/relay/queue_runner.py": ("tests/smtp/test_relay.py", "tests/smtp/test_relay_moments.py"),
    "smtp/relay/recording.py": ("tests/smtp/test_relay.py", "tests/smtp/test_relay_moments.py"),
    "smtp/relay/settling.py": ("tests/smtp/test_relay.py", "tests/smtp/test_relay_moments.py"),
    "smtp/relay/attempt.py": (
        "tests/smtp/test_relay.py",
        "tests/smtp/test_relay_moments.py",
        "tests/smtp/test_relay_connections.py",
    ),
    "smtp/relay/pipeline.py": ("tests/smtp/test_relay_connections.py",),
    "smtp/relay/destinations.py": ("tests/smtp/test_relay_destinations.py",),
    "smtp/relay/pool.py": ("tests/smtp/test_relay_connections.py",),
    "smtp/relay/connecting.py": ("tests/smtp/test_relay.py", "tests/smtp/test_relay_moments.py"),
    "smtp/relay/tls/policies.py": ("tests/smtp/test_relay_tls.py",),
    "smtp/relay/tls/tlsa.py": ("tests/smtp/test_tlsa.py", "tests/smtp/test_relay_tls.py"),
    "smtp/relay/transfer.py": (
        "tests/smtp/test_relay.py",
        "tests/smtp/test_relay_moments.py",
        "tests/smtp/test_relay_connections.py",
    ),
    "imap/wire/framing.py": ("tests/imap/wire",),
}
"""What is changed by chance, and the tests beside it."""

_OPPOSITES: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_WORDS = {ast.And: b" and ", ast.Or: b" or "}


def chosen(root: Path, count: int, seed: int, modules: Sequence[str] = ()) -> list[Fault]:
    """So many faults of these modules (none: all of MODULES), by chance."""
    places = [fault for module in (modules or MODULES) for fault in of_module(root, module)]
    chance = random.Random(seed)
    return chance.sample(places, min(count, len(places)))


def of_module(root: Path, module: str) -> list[Fault]:
    """Every fault that can be put into a module, in its order."""
    source = (root / module).read_bytes()
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for node in ast.walk(ast.parse(source)):
        for kind, start, end, new in _changes(node, source, starts):
            changed = (source[:start] + new + source[end:]).decode()
            name = f"{module}:{getattr(node, 'lineno', 0)}: {kind}"
            why = lines[getattr(node, "lineno", 1) - 1].decode().strip()
            found.append((start, Fault(name, why, module, source.decode(), changed, MODULES.get(module, ()))))
    return [fault for _, fault in sorted(found, key=lambda one: (one[0], one[1].name))]


def _changes(node: ast.AST, source: bytes, starts: Sequence[int]) -> Iterator[tuple[str, int, int, bytes]]:
    """What is done, where the change begins and ends, and what stands there then."""
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        start, end = _span(node.test, starts)
        yield "condition negated", start, end, b"(not (" + source[start:end] + b"))"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        start, end = _span(node.left, starts)[1], _span(node.comparators[0], starts)[0]
        if b"(" not in source[start:end] and b")" not in source[start:end]:
            yield "comparison changed", start, end, f" {_OPPOSITES[type(node.ops[0])]} ".encode()
    elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
        start, end = _span(node.values[0], starts)[1], _span(node.values[1], starts)[0]
        word = _WORDS[type(node.op)]
        if source[start:end] == word:
            yield "and, or exchanged", start, end, _WORDS[ast.Or if isinstance(node.op, ast.And) else ast.And]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        start, end = _span(node, starts)
        if source.startswith(b"log.", start):  # nobody's mail depends on it
            return
        yield "statement dropped", start, end, b"pass"
    elif isinstance(node, ast.Raise) and node.exc is not None:
        yield "raise dropped", *_span(node, starts), b"pass"
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        yield "answer turned round", *_span(node.value, starts), str(not node.value.value).encode()


def _span(node: ast.expr | ast.stmt, starts: Sequence[int]) -> tuple[int, int]:
    """Where a node begins and ends, in octets."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
