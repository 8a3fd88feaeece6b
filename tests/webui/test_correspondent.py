"""Beside a letter in wide windows: who wrote it and what else came of them; never where a name is borrowed."""

import datetime
import re

import pytest

from mailserver.mime import scan
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.mail import blobs, messages
from tests.webui.house import House, Visitor, mail
from tests.webui.test_agenda_reminders import put
from tests.webui.test_panel_browser import with_file


def beside(browser: Visitor, address: str) -> str:
    """The column of a letter in the complete interface; empty: it has none."""
    text = browser.get(address).text
    assert 'class="lecture"' in text
    return text.partition('<aside class="correspondant"')[2].partition("</aside>")[0]


def newest(browser: Visitor, folder: str = "/m/") -> str:
    browser.get(folder)
    return browser.links(r"^/m/message/")[0]


def test_a_colleague_is_told_of_as_the_directory_knows_them(
    house: House, emma: Principal, marc: Principal, visitor: Visitor
) -> None:
    visitor.log_in(emma.login, interface="complet")

    def write(subject: str) -> None:
        octets = mail(subject, sender=f"Marc <{marc.address}>", to=emma.address)
        house.run(house.submission.submit(marc, marc.address, (emma.address,), octets))

    for number in range(6):
        write(f"Conseil {number}")
    shown = beside(visitor, newest(visitor))
    assert f'href="/contacts/annuaire/{marc.address}"' in shown
    assert "Enseignant" in shown
    assert re.findall(r"<bdi>(Conseil \d)", shown) == [f"Conseil {number}" for number in (4, 3, 2, 1)]
    assert f"/m/recherche?q=de%3A{marc.address.replace('@', '%40')}" in shown
    for address in visitor.links(r"^/m/message/\d+\?d=\d+$")[:1]:
        assert visitor.get(address).status_code == 200
    forged = beside(visitor, _of(house, emma, mail("Faux", sender=f"Marc <{marc.address}>")))
    assert forged == "", "a caution stands there"
    assert beside(visitor, newest(visitor).replace("/m/", "/s/")) == "", "the simplified interface has no such column"


def _of(house: House, person: Principal, octets: bytes) -> str:
    return f"/m/message/{house.deliver(person, octets)}"


def test_strangers_are_told_of_by_what_they_sent(
    house: House, emma: Principal, marc: Principal, visitor: Visitor
) -> None:
    visitor.log_in(emma.login, interface="complet")
    sender = "Lise <lise@exemple.org>"
    first = _of(house, emma, with_file())
    assert beside(visitor, first) == "", "nothing more is known than the letter says"
    shown = beside(visitor, _of(house, emma, mail("Suite", sender=sender)))
    assert "annuaire" not in shown
    assert "Avec pièce" in shown
    (file,) = [link for link in visitor.links(r"/apercu/") if link.startswith(first)]
    assert "plan.txt" in visitor.get(file).text
    for number, (name, holder) in enumerate((("Trash", emma), ("Junk", emma), ("INBOX", marc))):
        octets = mail(f"Caché {number}", sender=sender)
        prepared = blobs.prepare(octets, house.settings.data / "blobs", scan(octets))
        by = Provenance(Door.APPENDED, holder.account_id)
        house.store.write_now(messages.append, emma.account_id, house.box(emma, name).id, prepared, provenance=by)
    other = mail("Pour Marc", sender=sender, to=marc.address)
    house.deliver(marc, other)
    shown = beside(visitor, _of(house, emma, mail("Fin", sender=sender)))
    assert "Suite" in shown
    assert "Caché" not in shown, "thrown away, junk, or put there by somebody else"
    assert "Pour Marc" not in shown
    junk = newest(visitor, f"/m/dossier/{house.box(emma, 'Junk').id}")
    assert beside(visitor, junk) == ""


def test_what_is_shown_is_text_and_little_of_it(house: House, emma: Principal, visitor: Visitor) -> None:
    visitor.log_in(emma.login, interface="complet")
    sender = '"<i>Zoé</i>" <zoe@exemple.org>'
    for number in range(12):
        house.deliver(emma, mail(f"<script>alert({number})</script> " + "x" * 300, sender=sender))
    shown = beside(visitor, newest(visitor))
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert shown.count("<time>") == 4
    assert len(shown) < 4000


MEETINGS = {
    "hier": (-30, "ATTENDEE:mailto:{their}\r\n"),
    "annulé": (20, "STATUS:CANCELLED\r\nATTENDEE:mailto:{their}\r\n"),
    "sans moi": (21, "ATTENDEE:mailto:{their}\r\nATTENDEE;PARTSTAT=DECLINED:mailto:{own}\r\n"),
    "sans eux": (22, "ATTENDEE;PARTSTAT=DECLINED:mailto:{their}\r\n"),
    "avec d’autres": (23, "ATTENDEE:mailto:x@exemple.org\r\n"),
    "le <b>conseil</b>": (48, "organizer:mailto:{their}\r\nATTENDEE:mailto:x@exemple.org\r\n"),
    "chaque semaine": (-24 * 7 + 26, "RRULE:FREQ=WEEKLY\r\nATTENDEE;CN=Lise\r\n ;X-A=b:mailto:{folded}\r\n"),
}
"""Hours from now at which each begins, and what it says."""


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ((), "chaque semaine"),
        (("chaque semaine",), "le &lt;b&gt;conseil&lt;/b&gt;"),
        (("chaque semaine", "le <b>conseil</b>"), ""),
    ],
)
def test_the_next_common_event_is_told(house: House, visitor: Visitor, left_out: tuple[str, ...], told: str) -> None:
    """Of one's own agendas: the first that is to come, that is not cancelled, and that neither declined."""
    person, their = house.person("Rita", f"Commun-{len(left_out)}"), "lise.rencontre@exemple.org"
    now = datetime.datetime.fromtimestamp(house.clock.now(), datetime.UTC)
    says = {"their": their, "own": person.address, "folded": f"{their[:9].upper()}\r\n\t{their[9:]}"}
    for title, (hours, more) in MEETINGS.items():
        if title not in left_out:
            put(house, person, title, now + datetime.timedelta(hours=hours), more.format(**says))
    visitor.log_in(person.login, interface="complet")
    shown = beside(visitor, _of(house, person, mail("Bonjour", sender=f"Lise <{their}>")))
    section = shown.partition("Prochain rendez-vous commun")[2].partition("</ul>")[0]
    assert re.findall(r"<bdi>(.*?)</bdi>", section) == ([told] if told else [])
    if told:
        (address,) = re.findall(r'href="(/agenda/evenement/[^"]+)"', section)
        assert visitor.get(address.replace("&amp;", "&")).status_code == 200
