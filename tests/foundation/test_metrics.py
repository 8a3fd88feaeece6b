"""Figures on shared memory: sums over processes, what a dead one leaves, labels that nobody declared."""

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from directory.server.wire import messages
from imap.commands import TABLE
from mailserver.foundation.metrics import board, catalogue, exposition, families
from mailserver.foundation.metrics.board import HERE, Board, Here
from mailserver.foundation.metrics.families import OTHER
from mailserver.foundation.network.ports import ports
from mailserver.foundation.settings import Listen
from mailserver.store.queue import peer_counts


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Board:
    """A board of two rows; this process has the second."""
    here, made = Here(), Board(2)
    here.begin(made, 1)
    _write_there(here, monkeypatch)
    return made


def _write_there(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (board, exposition, families):
        monkeypatch.setattr(module, "HERE", here)


def elsewhere(shared: Board, work: Callable[[], None]) -> int:
    """Do it in another process, which has the first row, and end there without a word."""
    child = os.fork()
    if not child:
        try:
            here = Here()
            here.begin(shared, 0)
            _write_there(here, pytest.MonkeyPatch())
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return child


def read() -> dict[tuple[str, tuple[str, ...]], float]:
    """By name, and values of labels in the order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition.written().decode())
        for sample in family.samples
    }


def test_processes_are_summed_and_a_dead_one_leaves_what_happened(shared: Board) -> None:
    def work() -> None:
        catalogue.MESSAGES.add("smtp", "250", amount=2)
        catalogue.OPEN.add("imap", amount=5)
        catalogue.IMAP_SECONDS.observe(0.003, "fetch")

    elsewhere(shared, work)
    catalogue.MESSAGES.add("smtp", "250")
    catalogue.OPEN.add("imap", amount=1)
    catalogue.IMAP_SECONDS.observe(99.0, "fetch")
    found = read()
    assert found["mailserver_smtp_messages_total", ("250", "smtp")] == 3
    assert found["mailserver_connections_open", ("imap",)] == 6
    assert found["mailserver_imap_command_seconds_bucket", ("fetch", "0.0025")] == 0
    assert found["mailserver_imap_command_seconds_bucket", ("fetch", "0.005")] == 1
    assert found["mailserver_imap_command_seconds_count", ("fetch",)] == 2
    assert found["mailserver_imap_command_seconds_sum", ("fetch",)] == pytest.approx(99.003)
    shared.leave(0)
    found = read()
    assert found["mailserver_smtp_messages_total", ("250", "smtp")] == 3, "what happened has happened"
    assert found["mailserver_connections_open", ("imap",)] == 1, "what was open there is not any more"
    assert [labels for name, labels in found if name == "mailserver_process_open_fds"] == [("1", _name())]
    elsewhere(shared, lambda: catalogue.MESSAGES.add("smtp", "250"))
    assert read()["mailserver_smtp_messages_total", ("250", "smtp")] == 4, "the next one in its place counts on"


def _name() -> str:
    with open("/proc/self/comm") as file:
        return file.read().strip()


def test_names_of_operators_are_those_of_each_process(shared: Board) -> None:
    def work() -> None:
        catalogue.DNSBL.add("one.example", "clean")
        catalogue.DNSBL.add("two.example", "clean")

    elsewhere(shared, work)
    for name in ("two.example", "three.example"):
        catalogue.DNSBL.add(name, "clean")
    for number in range(20):
        catalogue.DNSBL.add(f"{number}.example", "listed")
    found = read()
    assert found["mailserver_dnsbl_questions_total", ("clean", "two.example")] == 2
    assert found["mailserver_dnsbl_questions_total", ("clean", "one.example")] == 1
    assert found["mailserver_dnsbl_questions_total", ("clean", "three.example")] == 1
    assert found["mailserver_dnsbl_questions_total", ("listed", OTHER)] == 14, "eight names have a number of their own"


@given(code=st.text(max_size=5), door=st.text(max_size=8))
def test_what_nobody_declared_is_counted_together(code: str, door: str) -> None:
    before = sum(sum(sample.numbers) for sample in catalogue.MESSAGES.samples(HERE.board))
    catalogue.MESSAGES.add(door, code)
    labels = {sample.labels for sample in catalogue.MESSAGES.samples(HERE.board)}
    assert sum(sum(sample.numbers) for sample in catalogue.MESSAGES.samples(HERE.board)) == before + 1
    assert all(d in (*catalogue.MAIL_DOORS, OTHER) and c in (*catalogue.SMTP_CODES, OTHER) for d, c in labels)


def test_a_metric_is_declared_before_the_board_is_made() -> None:
    layout = board.Layout()
    layout.reserve(3)
    Board(1, layout)
    with pytest.raises(RuntimeError):
        layout.reserve(1)


def test_labels_are_those_that_the_parts_speak_of() -> None:
    """What a door can say has a number of its own."""
    assert {kind.__name__.lower() for kind in TABLE} == set(catalogue.IMAP_COMMANDS)
    assert {code.name.lower() for code in messages.Code} == set(catalogue.LDAP_CODES)
    assert set(ports(Listen())) <= set(catalogue.LISTENERS)
    assert peer_counts.COUNTED == catalogue.COUNTED
