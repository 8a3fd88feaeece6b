"""`mailserver queue route`: which way a message would leave, and why."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from tests.harness import Instance
from tests.smtp.elsewhere import Names

RELAYS = """
[[outbound.relays]]
host = "127.0.0.1:2"
[[outbound.relays]]
host = "127.0.0.1:3"
priority = 20
login = "academie"
password_file = "relais"
[[outbound.relays]]
host = "127.0.0.1:4"
roles = ["pupil"]
[[outbound.relays]]
recipients = ["*.gouv.fr"]
source = "127.0.0.1"
"""


@pytest.fixture
def names() -> Iterator[Names]:
    server = Names()
    server.broken = {"impots.gouv.fr"}
    yield server
    server.stop()


@pytest.fixture
def academy(fresh: Callable[..., Instance], names: Names) -> Instance:
    made = fresh()
    made.configure(f'[dns]\nnameservers = ["127.0.0.1:{names.resolver().port}"]\n{RELAYS}')
    return made


def run(academy: Instance, *args: str) -> Result:
    return CliRunner().invoke(app, ["queue", "route", str(academy.directory), *args])


def test_the_way_and_its_reason(academy: Instance) -> None:
    told = json.loads(run(academy, "x@ailleurs.fr", "--json").output)
    assert [one["host"] for one in told["relays"]] == ["127.0.0.1:2", "127.0.0.1:3"]
    assert [one["port"] for one in told["exchangers"]] == [2, 3]
    assert told["relays"][1]["tls"] == "required"
    shown = run(academy, "x@ailleurs.fr")
    assert shown.exit_code == 0
    assert "academie" in shown.output


def test_whose_mail_it_is(academy: Instance) -> None:
    made = []
    for given, surname, role in (("Sami", "Kaci", "pupil"), ("Émilie", "Dupont", "teacher")):
        words = ["account", "create", str(academy.directory), "--given-name", given, "--surname", surname]
        made.append(CliRunner().invoke(app, [*words, "--role", role]).exit_code)
    assert made == [0, 0]
    told = json.loads(run(academy, "ailleurs.fr", "--sender", "skaci", "--json").output)
    assert (told["role"], [one["port"] for one in told["exchangers"]]) == ("pupil", [4])
    told = json.loads(run(academy, "ailleurs.fr", "--sender", "edupont", "--json").output)
    assert (told["role"], [one["port"] for one in told["exchangers"]]) == ("teacher", [2, 3])


def test_what_would_wait_and_what_would_be_refused(academy: Instance) -> None:
    shown = run(academy, "x@impots.gouv.fr", "--json")
    assert shown.exit_code == 1
    told = json.loads(shown.output)
    assert (bool(told["problem"]), told["status"]) == (True, "")
    refused = run(academy, "x@inconnu.gouv.fr")
    assert refused.exit_code == 1
    assert "5.1.2" in refused.output


def test_what_cannot_be_asked(academy: Instance) -> None:
    assert run(academy, "x@ac-exemple.fr").exit_code == 1
    assert run(academy, "x@..").exit_code == 2
    assert run(academy, "x@ailleurs.fr", "--sender", "nobody").exit_code == 1
    assert run(academy, "x@[127.0.0.1]").exit_code == 0


def test_what_is_demanded_of_tls(academy: Instance, names: Names) -> None:
    mx = "mx.ecole.gouv.fr"
    names.known = {("ecole.gouv.fr", "MX"): [f"10 {mx}."], (mx, "A"): ["127.0.0.1"]}

    def tls() -> str:
        return str(json.loads(run(academy, "ecole.gouv.fr", "--json").output)["exchangers"][0]["tls"])

    assert tls() == "clear"
    place = f"_25._tcp.{mx}"
    names.known[place, "TLSA"] = ["3 1 1 " + "ab" * 32]
    names.signed = {"ecole.gouv.fr", mx, place}
    assert tls() == "dane"
    assert "DANE" in run(academy, "ecole.gouv.fr").output
    names.known[place, "TLSA"] = ["0 1 1 " + "ab" * 32]
    assert tls() == "encrypted"
    names.broken.add(place)
    shown = run(academy, "ecole.gouv.fr")
    assert (shown.exit_code, "DANE" in shown.output) == (1, True)
