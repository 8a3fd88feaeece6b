"""`mailserver queue`, over a store that a server has open."""

import json

import pytest
from typer.testing import CliRunner, Result

from mailserver.cli.outgoing.outgoing_queue import app
from mailserver.store.queue import spool
from tests.harness import run_command
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import submit
from tests.waiting import until


@pytest.fixture
def full(make_house: HouseMaker) -> House:
    """Three rows that wait for a server that does not answer."""
    house = make_house(outbound={"smarthost": "127.0.0.1:1", "retry": (3600,)})
    relay = house.start_relay()
    submit(house, "x@one.fr", "x@two.fr")
    submit(house, "y@three.fr")
    until(lambda: all(one.error for one in house.read(spool.show)))
    until(lambda: not relay.is_busy)  # what it says of them is said: a command in this process has the same output
    return house


def queue(*words: object) -> Result:
    """`mailserver queue WORDS` in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_show(full: House) -> None:
    shown = json.loads(queue("show", full.settings.directory, "--json").stdout)
    assert [(one["domain"], one["recipients"], one["attempts"]) for one in shown] == [
        ("one.fr", ["x@one.fr"], 1),
        ("two.fr", ["x@two.fr"], 1),
        ("three.fr", ["y@three.fr"], 1),
    ]
    assert shown[0]["sender"] == f"ada@{DOMAIN}"
    named = json.loads(queue("show", full.settings.directory, shown[0]["name"].lower(), "--json").stdout)
    assert [one["domain"] for one in named] == ["one.fr", "two.fr"]
    table = queue("show", full.settings.directory).stdout
    assert "x@one.fr" in table
    assert "refuses the connection" in table


def test_drop(full: House) -> None:
    shown = full.read(spool.show)
    directory = full.settings.directory
    assert queue("drop", directory, str(shown[0].id)).stdout == "1 dropped.\n"
    assert queue("drop", directory).exit_code == 2
    missing = queue("drop", directory, "999")
    assert (missing.exit_code, missing.stderr) == (1, "mailserver: 999: not in the queue\n")
    assert json.loads(queue("drop", directory, "--all", "--json").stdout) == {"dropped": 2}
    assert queue("show", directory).stdout == "The queue is empty.\n"


def test_retry_reaches_the_running_server(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere()
    house = make_house(outbound={"smarthost": elsewhere.target, "retry": (3600,)})
    house.start_relay()
    submit(house, "x@one.fr")
    until(lambda: [one.error for one in house.read(spool.show)] not in ([], [""]))
    elsewhere.start()
    assert run_command("queue", "retry", house.settings.directory).stdout == "1 to be tried again.\n"
    house.store.write_now(spool.retry)  # the news of another process come by the carrier, which a house has not
    until(lambda: elsewhere.inbox.taken)
    elsewhere.stop()


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_help_and_bad_folder(verb: str) -> None:
    assert "ID" in queue(verb, "--help").stdout
    missing = queue(verb, "/nowhere", *(["--all"] if verb == "drop" else []))
    assert missing.exit_code == 2
    assert len(missing.stderr.splitlines()) == 1
