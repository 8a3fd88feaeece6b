"""The console's pages of reports: drawn by day, by source, by policy; each report, and why it is not counted."""

import re
import time

import pytest

from mailserver.model.clock import DAY
from mailserver.model.identity import Principal
from mailserver.model.reports import Kind
from mailserver.model.sending import tls_sessions
from mailserver.model.sending.tls_sessions import Published, Session
from mailserver.reports import dmarc_xml, tls_json
from mailserver.store.engine.transactions import Tx
from mailserver.store.reports import received, tls_seen
from mailserver.store.reports.received import Origin
from mailserver.texts.causes import Cause
from tests.reports.samples import YESTERDAY, dmarc, record, tls
from tests.webui.house import House, Visitor
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened

PATH = "/admin/rapports"


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def fill(tx: Tx) -> None:
    forged = record("192.0.2.2", 1500, dkim="fail", spf="fail", disposition="reject", envelope="evil.fr")
    received.keep(tx, dmarc_xml.read(dmarc(record(), forged)), Origin("boite.example", b"1"))
    received.keep(tx, tls_json.read(tls()), Origin("boite.example", b"2"))
    received.name(tx, {"192.0.2.1": "mx.<b>.fr"})
    well, expired = (
        Session("loin.example", Published()),
        Session("loin.example", Published(), tls_sessions.EXPIRED, "mx"),
    )
    tls_seen.count(tx, tx.now // DAY * DAY, {well: 7, expired: 2})
    for number in range(101):
        digest = str(number).encode()
        received.refuse(tx, Kind.DMARC, Cause("report-foreign", domain="<i>.fr"), Origin(f"x{number}.fr", digest * 3))


def test_reports(house: House, console: Visitor, phone: Phone) -> None:
    assert "Aucune adresse n’est réglée" in opened(console, house, phone, PATH)
    assert "Aucun rapport." in opened(console, house, phone, f"{PATH}/recus")
    house.settings.reports.__dict__["dmarc"] = "dmarc@ac-exemple.fr"
    assert "Aucun rapport ne parle de ces jours-là" in opened(console, house, phone, PATH)
    house.store.write_now(fill)
    for span in ("semaine", "mois", "trimestre", "autre"):
        text = opened(console, house, phone, f"{PATH}?duree={span}")
        words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
        assert re.search(r"192\.0\.2\.2 – evil\.fr 0 1.500 1.500", words)
        assert "mx.&lt;b&gt;.fr" in text
        assert re.search(r"réussis : 5.326 en échec : 303", words)
        assert "STARTTLS n’a pas été proposé MTA-STS ac-exemple.fr mx2.ac-exemple.fr 200" in words
        assert len(re.findall(r'<rect class="s[01]" x=', text)) == 4
        assert "Lesquels, et pourquoi" in text
        assert re.search(r"loin\.example \d\d/\d\d/\d{4} 7 2 le certificat a expiré", words)
    house.settings.reports.__dict__["send_tls"] = False
    assert "Rien n’est envoyé" in opened(console, house, phone, PATH)


def test_each_report(house: House, console: Visitor, phone: Phone) -> None:
    page = opened(console, house, phone, f"{PATH}/recus?fautes=oui")
    assert page.count("il parle de &lt;i&gt;.fr, qui n’est pas à nous") == 100
    following = re.search(r'href="(/admin/rapports/recus[^"]*apres=\d+)"', page)
    assert following is not None
    assert opened(console, house, phone, following[1].replace("&amp;", "&")).count("qui n’est pas à nous") == 1
    last = opened(console, house, phone, following[1].replace("fautes=oui&amp;", ""))
    assert last.count("Boîte Postale") == 2
    assert time.strftime("%d/%m/%Y", time.gmtime(YESTERDAY)) in last


def test_whoever_is_no_administrator_sees_nothing(house: House, emma: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(emma.login)
    for path in (PATH, f"{PATH}/recus"):
        assert visitor.get(path).status_code in (403, 404)
