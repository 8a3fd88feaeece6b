"""Relays of the settings against real servers: proven, logged in to, standing in for each other; source addresses."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.model.identity import Role
from mailserver.operations.health.findings import Grade
from mailserver.operations.health.smarthosts import examine_smarthosts
from mailserver.store.queue import spool
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, PASSWORD, House
from tests.smtp.test_relay import MESSAGE, queue, submit
from tests.waiting import until

SECRET = "Relais-Sûr#9"
LOGIN = "academie@relais.fr"

Starter = Callable[..., Elsewhere]


@pytest.fixture
def start(instance_template: Path) -> Iterator[Starter]:
    """Servers whose certificate the instance's own authority signed: for localhost and 127.0.0.1.

    Asked for before houses: these end first, and with them the connections that they keep.
    """
    started: list[Elsewhere] = []

    def begin(*, password: str = "", implicit: bool = False, tls: bool = True, port: int = 0) -> Elsewhere:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(instance_template / "tls/cert.pem", instance_template / "tls/key.pem")
        elsewhere = Elsewhere(tls=context if tls and not implicit else None, port=port)
        elsewhere.inbox.password = password
        elsewhere.start(
            authenticator=elsewhere.inbox.log_in,
            auth_require_tls=not implicit,
            auth_exclude_mechanism=[],
            **({"ssl_context": context} if implicit else {}),
        )
        started.append(elsewhere)
        return elsewhere

    yield begin
    for one in started:
        one.stop()


def opened(make_house: HouseMaker, *relays: dict[str, object], **others: object) -> House:
    outbound = {"relays": list(relays), "retry": (600,), "timeout": 5, "concurrency": 1, **others}
    house = make_house(clock=StandingClock(), outbound=outbound)
    (house.settings.secrets / "relay").write_text(SECRET + "\n")
    house.start_relay()
    return house


def with_login(house_or_template: Path, elsewhere: Elsewhere, **others: object) -> dict[str, object]:
    return {
        "host": elsewhere.target,
        "login": LOGIN,
        "password_file": "relay",
        "ca_file": str(house_or_template / "tls/authority.pem"),
        **others,
    }


def is_put_off(house: House) -> bool:
    return [(one.attempts, one.sending) for one in queue(house)] == [(1, False)]


@pytest.mark.parametrize("implicit", [False, True])
def test_a_relay_is_proven_and_logged_in_to(
    start: Starter, make_house: HouseMaker, instance_template: Path, *, implicit: bool
) -> None:
    relay = start(password=SECRET, implicit=implicit)
    house = opened(
        make_house,
        with_login(instance_template, relay, tls="implicit" if implicit else "", host=f"localhost:{relay.port}"),
    )
    submit(house, "x@ailleurs.fr", "y@ailleurs.fr")
    until(lambda: not queue(house))
    assert relay.inbox.logins == [("PLAIN", LOGIN, SECRET)]
    assert relay.inbox.octets[0].endswith(MESSAGE)
    assert relay.inbox.tls == [not implicit], "aiosmtpd knows of STARTTLS alone"


def test_who_is_not_proven_gets_neither_password_nor_mail(
    start: Starter, make_house: HouseMaker, instance_template: Path
) -> None:
    plain, other = start(password=SECRET, tls=False), start(password=SECRET)
    house = opened(
        make_house,
        with_login(instance_template, plain),
        with_login(instance_template, other, ca_file="", priority=20),
        with_login(instance_template, start(password=SECRET, implicit=True), ca_file="", tls="implicit", priority=30),
    )
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert plain.inbox.logins == other.inbox.logins == []
    assert "MAIL" not in " ".join([*plain.inbox.said, *other.inbox.said])
    assert "CERTIFICATE_VERIFY_FAILED" in queue(house)[0].error
    assert house.mail("ada") == []


def test_a_wrong_password_keeps_mail_and_is_not_tried_again_and_again(
    start: Starter, make_house: HouseMaker, instance_template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    relay, spare = start(password="another"), start()
    house = opened(
        make_house, with_login(instance_template, relay), {"host": spare.target, "priority": 20, "tls": "offered"}
    )
    spare.inbox.answers = {"MAIL": "451 4.3.2 Later"}
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    submit(house, "y@autre.fr")
    until(lambda: [one.attempts for one in queue(house)] == [1, 1] and not any(one.sending for one in queue(house)))
    assert len(relay.inbox.logins) == 1
    assert "relay refuses our login" in capfd.readouterr().out
    relay.inbox.password = SECRET
    house.store.write_now(spool.retry)
    until(lambda: not queue(house))
    assert len(relay.inbox.taken) == 2
    assert spare.inbox.taken == []
    assert house.mail("ada") == []


def test_a_relay_that_wants_a_login_which_we_lack_bounces_nothing(start: Starter, make_house: HouseMaker) -> None:
    house = opened(make_house, {"host": start(password=SECRET).target})
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert "530" in queue(house)[0].error
    assert house.mail("ada") == []


@pytest.mark.parametrize("said", ["Relay access denied", "relay not permitted", "Unable to relay: relaying denied"])
def test_nor_does_one_that_says_so_of_each_recipient(start: Starter, make_house: HouseMaker, said: str) -> None:
    relay = start()
    relay.inbox.answers = {"x@ailleurs.fr": f"554 5.7.1 <x@ailleurs.fr>: {said}"}
    house = opened(make_house, {"host": relay.target})
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert said in queue(house)[0].error
    assert house.mail("ada") == []


def test_a_secret_that_is_missing_keeps_mail(start: Starter, make_house: HouseMaker, instance_template: Path) -> None:
    relay = start(password=SECRET)
    house = opened(make_house, with_login(instance_template, relay, password_file="forgotten"))
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert "forgotten" in queue(house)[0].error
    assert relay.inbox.logins == []


def test_a_dead_relay_costs_one_attempt_and_mail_comes_back_to_it(start: Starter, make_house: HouseMaker) -> None:
    first, second = start(tls=False), start(tls=False)
    port = first.port
    house = opened(make_house, {"host": first.target}, {"host": second.target, "priority": 20})
    submit(house, "x@ailleurs.fr")
    until(lambda: not queue(house))
    assert len(first.inbox.taken) == 1
    first.stop()
    submit(house, "x@ailleurs.fr")
    until(lambda: len(second.inbox.taken) == 1)
    again = start(port=port, tls=False)
    submit(house, "x@ailleurs.fr")
    until(lambda: len(second.inbox.taken) == 2)
    assert again.inbox.said == [], "it is remembered as dead"
    assert isinstance(house.clock, StandingClock)
    house.clock.step(20)
    submit(house, "x@ailleurs.fr")
    until(lambda: len(again.inbox.taken) == 1)
    submit(house, "x@ailleurs.fr")
    until(lambda: len(again.inbox.taken) == 2)
    assert len(second.inbox.taken) == 2


def test_whose_mail_it_is_decides(start: Starter, make_house: HouseMaker) -> None:
    pupils, teachers = start(), start()
    house = opened(make_house, {"host": teachers.target}, {"host": pupils.target, "roles": ["pupil"]})
    pupil = house.run(house.add("Paul", Role.PUPIL))
    house.run(house.submission.submit(pupil, pupil.address, ["x@ailleurs.fr"], MESSAGE.replace(b"ada@", b"paul@")))
    submit(house, "x@ailleurs.fr")
    submit(house, "z@autre.fr", sender="")
    until(lambda: not queue(house))
    assert [one.mail_from for one in pupils.inbox.taken] == [pupil.address]
    assert sorted(one.mail_from or "" for one in teachers.inbox.taken) == ["<>", f"ada@{DOMAIN}"]


def test_servers_are_dialled_from_where_the_settings_say(start: Starter, make_house: HouseMaker) -> None:
    one, other = start(), start()
    house = opened(
        make_house,
        {"host": one.target, "source": "127.0.0.5"},
        {"host": other.target, "recipients": ["autre.fr"], "source": ["127.0.0.6", "::1"]},
        source_names={"127.0.0.6": "sortie.ac-exemple.fr"},
    )
    submit(house, "x@ailleurs.fr", "x@autre.fr")
    until(lambda: not queue(house))
    assert (one.inbox.peers, other.inbox.peers) == (["127.0.0.5"], ["127.0.0.6"])
    assert one.inbox.said[0] == f"EHLO {DOMAIN}"
    assert other.inbox.said[0] == "EHLO sortie.ac-exemple.fr"


def test_a_family_without_a_source_is_not_dialled(start: Starter, make_house: HouseMaker) -> None:
    relay = start()
    house = opened(make_house, {"host": relay.target, "source": "::1"})
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert relay.inbox.said == []
    assert queue(house)[0].error.name == "no-source"


def test_an_address_that_this_machine_does_not_have(start: Starter, make_house: HouseMaker) -> None:
    house = opened(make_house, {"host": start().target, "source": "192.0.2.1"})
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert PASSWORD not in queue(house)[0].error


def told(house: House) -> list[tuple[Grade, str]]:
    """What `mailserver check` says of the relays."""
    return [(finding.grade, finding.text.to("en")) for finding in examine_smarthosts(house.settings)]


def test_check_logs_in_to_each_relay_and_sends_nothing(
    start: Starter, make_house: HouseMaker, instance_template: Path
) -> None:
    good, wrong, plain, dead = start(password=SECRET), start(password="x"), start(password=SECRET, tls=False), start()
    dead.stop()
    implicit = start(password=SECRET, implicit=True)
    house = opened(
        make_house,
        with_login(instance_template, good),
        with_login(instance_template, implicit, tls="implicit"),
        with_login(instance_template, wrong),
        with_login(instance_template, plain),
        {"host": dead.target},
        {"host": "a..b:25", "source": "192.0.2.1"},
    )
    found = told(house)
    assert [grade for grade, _ in found] == [Grade.PROBLEM, Grade.OK, Grade.OK, *[Grade.PROBLEM] * 4]
    assert "nothing can leave from 192.0.2.1" in found[0][1]
    assert "takes our login academie@relais.fr" in found[1][1]
    assert "refuses our login academie@relais.fr: 535" in found[3][1]
    assert "does not prove who it is: STARTTLS is not offered" in found[4][1]
    assert "does not answer" in found[5][1]
    assert "has no address" in found[6][1]
    assert good.inbox.said
    assert "MAIL" not in "".join(good.inbox.said)
    assert SECRET not in str(found)


def test_check_says_nothing_where_there_are_no_relays(make_house: HouseMaker) -> None:
    assert told(make_house()) == []
