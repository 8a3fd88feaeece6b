"""Which relays of the settings take a message: the narrowest condition decides, then priority and weight."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mailserver.foundation.settings import Outbound, SettingsError, parse
from mailserver.model.identity import Role
from mailserver.texts.text import Text
from smtp.relay.choice import Journey, RelayChoice

EVERYTHING = "all.fr:25"


def outbound(*relays: dict[str, object], **others: object) -> Outbound:
    return Outbound.model_validate({"relays": relays, **others})


def chosen(settings: Outbound, *journey: object) -> list[str]:
    return [relay.host for relay in RelayChoice(settings, Random(7)).choose(Journey(*journey))]  # type: ignore[arg-type]


def test_without_relays_mail_goes_to_the_exchangers() -> None:
    assert chosen(Outbound(), "ailleurs.fr") == []


def test_the_narrowest_condition_decides_and_nobody_stands_in_for_it() -> None:
    settings = outbound(
        {"host": EVERYTHING},
        {"host": "named.fr:25", "recipients": ["a.gouv.fr"]},
        {"host": "below.fr:25", "recipients": ["*.gouv.fr"]},
        {"host": "deeper.fr:25", "recipients": ["*.b.gouv.fr"]},
        {"host": "pupils.fr:25", "roles": ["pupil"]},
        {"host": "domain.fr:25", "senders": ["ac-deux.fr"]},
        {"host": "both.fr:25", "roles": ["pupil"], "senders": ["ac-deux.fr"]},
    )
    assert chosen(settings, "ailleurs.fr", "ac-un.fr", Role.TEACHER) == [EVERYTHING]
    assert chosen(settings, "ailleurs.fr", "ac-un.fr", None) == [EVERYTHING]
    assert chosen(settings, "ailleurs.fr", "ac-un.fr", Role.PUPIL) == ["pupils.fr:25"]
    assert chosen(settings, "ailleurs.fr", "ac-deux.fr", Role.PUPIL) == ["both.fr:25"]
    assert chosen(settings, "ailleurs.fr", "ac-deux.fr", Role.STAFF) == ["domain.fr:25"]
    assert chosen(settings, "a.gouv.fr", "ac-deux.fr", Role.PUPIL) == ["named.fr:25"]
    assert chosen(settings, "c.gouv.fr", "ac-un.fr") == ["below.fr:25"]
    assert chosen(settings, "x.b.gouv.fr", "ac-un.fr") == ["deeper.fr:25"]
    assert chosen(settings, "gouv.fr", "ac-un.fr") == [EVERYTHING], "below it, not itself"
    assert chosen(settings, "notgouv.fr", "ac-un.fr") == [EVERYTHING]


def test_one_relay_for_a_domain_and_all_below_it_is_tried_once() -> None:
    settings = outbound({"host": "a.fr:25", "recipients": ["gouv.fr", "*.gouv.fr"]})
    assert chosen(settings, "gouv.fr") == ["a.fr:25"]
    assert chosen(settings, "x.gouv.fr") == ["a.fr:25"]
    assert chosen(settings, "ailleurs.fr") == []


def test_the_settings_of_before_are_relays() -> None:
    settings = outbound(
        {"host": "last.fr:25"}, smarthost="first.fr:25", routes={"voisine.fr": "mx.voisine.fr:2525", "direct.fr": ""}
    )
    assert chosen(settings, "ailleurs.fr") == ["first.fr:25", "last.fr:25"]
    assert chosen(settings, "voisine.fr") == ["mx.voisine.fr:2525"]
    assert chosen(settings, "direct.fr") == ["first.fr:25", "last.fr:25"], "an empty route is none, as ever"


def test_priority_and_weight() -> None:
    choice = RelayChoice(
        outbound(
            {"host": "rare.fr:25", "weight": 1},
            {"host": "often.fr:25", "weight": 9},
            {"host": "spare.fr:25", "priority": 20},
        ),
        Random(1),
    )
    orders = Counter(tuple(relay.name for relay in choice.choose(Journey("a.fr"))) for _ in range(500))
    assert set(orders) == {("often.fr", "rare.fr", "spare.fr"), ("rare.fr", "often.fr", "spare.fr")}
    assert 400 < orders["often.fr", "rare.fr", "spare.fr"] < 490


def test_settings_that_are_written_anew_count() -> None:
    settings = outbound({"host": "one.fr:25"})
    choice = RelayChoice(settings)
    assert [relay.host for relay in choice.choose(Journey("a.fr"))] == ["one.fr:25"]
    settings.__dict__["relays"] = outbound({"host": "two.fr:25", "roles": ["pupil"]}).relays
    assert choice.choose(Journey("a.fr")) == []
    assert choice.asks_roles


@pytest.mark.parametrize(
    ("lines", "french", "english"),
    [
        ('host = "a.fr:587"\nlogin = "x"', "vont ensemble", "belong together"),
        ('host = "a.fr:25"\nlogin = "x"\npassword_file = "p"\ntls = "offered"', "en clair", "in the clear"),
        ('login = "x"\npassword_file = "p"', "qui a un host", "that has a host"),
        ('source = ["192.0.2.1", "192.0.2.2"]', "de la même famille", "of the same family"),
        ('source = "0.0.0.0"', "pas une adresse", "no address"),
        ('host = "a.fr:25"\n[[outbound.relays]]\nhost = "a.fr:25"', "deux fois", "twice"),
        ('host = "a.fr:25"\n[[outbound.relays]]', "sans host", "without a host"),
    ],
)
def test_relays_that_cannot_be_used_are_refused_in_the_reader_s_language(lines: str, french: str, english: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(f'domain = "ac-exemple.fr"\n[[outbound.relays]]\n{lines}\n', Path("/nowhere"))
    assert isinstance(raised.value.text, Text)
    assert french in raised.value.text.to("fr")
    assert english in str(raised.value)
    assert "outbound" in str(raised.value)


@pytest.mark.parametrize("lines", ['host = "a.fr"', 'roles = ["parent"]', "weight = 0", 'recipients = ["*"]', "x = 1"])
def test_a_relay_that_nobody_understands(lines: str) -> None:
    with pytest.raises(SettingsError, match="outbound"):
        parse(f'domain = "ac-exemple.fr"\n[[outbound.relays]]\n{lines}\n', Path("/nowhere"))
