"""What a benchmark writes into the documents."""

from xml.etree import ElementTree

from tests.bench.peers.measuring import Figure, Measure
from tests.bench.peers.report import bars, better, table

MEASURES = (
    Measure("small", "réception", "taking mail in", is_rate=True),
    Measure("copy", "COPY", "COPY"),
    Measure("absent", "rien", "nothing"),
)
SIDES = {
    "ours": {"small": Figure(1234.5, 0.8), "copy": Figure(12.5, 11)},
    "ours, PostgreSQL": {"small": Figure(600, 2), "copy": Figure(50, 30)},
    "Postfix + Dovecot": {"small": Figure(411.5, 2.2), "copy": Figure(250, 60)},
}


def test_more_a_second_and_fewer_milliseconds_are_better() -> None:
    ours, theirs = SIDES["ours"], SIDES["Postfix + Dovecot"]
    assert better(MEASURES[0], ours["small"], theirs["small"]) == 3
    assert better(MEASURES[1], ours["copy"], theirs["copy"]) == 20


def test_the_table_speaks_both_languages() -> None:
    assert table("en", MEASURES, SIDES).splitlines()[2:] == [
        "| taking mail in | 1,234 /s (0.80) | 600 /s (2.00) | 412 /s (2.20) | 3.00 × |",
        "| COPY | 12.5 ms (11.0) | 50.0 ms (30.0) | 250 ms (60.0) | 20.0 × |",
    ]
    assert "| réception | 1\u202f234 /s (0,80) |" in table("fr", MEASURES, SIDES)


def test_bars_are_a_picture() -> None:
    drawn = ElementTree.fromstring(bars(MEASURES, SIDES))
    titles = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["ours: 3.00", "ours, PostgreSQL: 1.46", "ours: 20.00", "ours, PostgreSQL: 5.00"]
