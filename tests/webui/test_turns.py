"""Long files: a browser that takes its time with one does not keep others from theirs."""

import random

from tests.webui.house import House, Visitor, mail


def laden(house: House, surname: str) -> tuple[Visitor, str]:
    """Somebody whose folder is larger than what lies on the way to a browser, and its page."""
    person = house.person("Tom", surname)
    letters = random.Random(surname)
    for number in range(4):
        body = "".join(letters.randbytes(50).hex() + "\n" for _ in range(40_000))
        house.deliver(person, mail(f"Gros {number}", body=body))
    browser = house.visitor()
    browser.log_in(person.login)
    inbox = house.box(person, "INBOX").id
    browser.get(f"/s/dossier/{inbox}/modifier")
    return browser, f"/s/dossier/{inbox}/exporter"


def mark(browser: Visitor) -> dict[str, str]:
    return {"m_": browser.field("m_")}


def test_who_reads_slowly_keeps_one_place_only(house: House) -> None:
    slow, path = laden(house, "Lent")
    patient, own_path = laden(house, "Autre")
    with slow.http.stream("POST", path, data=mark(slow)) as first:
        assert first.status_code == 200
        assert slow.http.post(path, data=mark(slow)).status_code == 503
        with patient.http.stream("POST", own_path, data=mark(patient)) as second:
            assert second.status_code == 200
            assert len(second.read()) > 4_000_000
    assert slow.http.post(path, data=mark(slow)).status_code == 200  # left half-way: the place is free again
