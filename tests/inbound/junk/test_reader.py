"""Why a message stands in Spam: the sentences, and the page in both interfaces with the way back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.mail.lessons import Said
from mailserver.texts.catalogue import translate
from tests.inbound.junk.samples import arrive, bad
from tests.webui.house import House, Visitor
from webui.reader.trust import spam

TOKENS = (
    "casino",
    "crypto",
    "s:gagnez",
    "h:a.example",
    "f:x@a.example",
    "m:shouting",
    "a:spf=fail",
    "m:links-2",
    "f:none",
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template)
    yield made
    made.close()


@pytest.fixture(scope="module")
def emma(house: House) -> Principal:
    return house.person("Emma", "Dupont")


def put_aside(tx: Tx, account: int, number: int, verdict: Verdict | None) -> int:
    came = arrive(tx, account, bad(number), "Junk")
    if verdict is not None:
        junk.record(tx, came.content_id, [(account, verdict)])
    return came.content_id


@pytest.mark.parametrize("interface", ["simple", "complet"])
def test_the_page_says_why_and_leads_back(house: House, emma: Principal, interface: str) -> None:
    account = emma.account_id
    number = len(interface)
    message = house.store.write_now(put_aside, account, number, Verdict(Source.WORDS, 999, 990, TOKENS))
    visitor: Visitor = house.visitor()
    visitor.log_in(emma.login, interface=interface)
    base = "/s" if interface == "simple" else "/m"
    page = visitor.get(f"{base}/message/{message}").text
    assert "Pourquoi ici" in page
    assert "sûr à 99" in page
    assert "casino, crypto" in page
    form = page[: page.index("Ce n’est pas un indésirable")].rpartition('action="')[2]
    moved = visitor.post(form.partition('"')[0], {"m": message, "lecteur": 1, "retour": "", "faire": "desirable"})
    assert moved.status_code == 200
    assert house.store.read_now(junk.verdict, account, message)[1] is Said.HAM
    assert "Pourquoi ici" not in visitor.get(f"{base}/message/{message}").text


def french(text: str) -> str:
    return translate(text, "fr")


def test_sentences() -> None:
    words = spam.sentences(Verdict(Source.WORDS, 995, 990, TOKENS), Said.NOTHING, french)
    assert words[1:-1] == [
        "Des mots fréquents dans les indésirables : casino, crypto.",
        "Des mots de l’objet : gagnez.",
        "Des liens vers : a.example.",
        "L’expéditeur : x@a.example.",
        "La forme : un objet en majuscules, un expéditeur qui n’est pas authentifié, un expéditeur sans adresse.",
    ]
    scanned = spam.sentences(Verdict(Source.SCANNER, 1525, 600, ("BAYES_SPAM", "RBL")), Said.NOTHING, french)
    assert scanned[0].startswith("L’antispam de l’académie lui a donné 15.2 points ; à partir de 6.0")
    assert scanned[1] == "Ses raisons : BAYES_SPAM, RBL."
    assert len(spam.sentences(None, Said.NOTHING, french)) == 1
    assert "DMARC" in spam.sentences(Verdict(Source.POLICY, 0, 0), Said.NOTHING, french)[0]
    assert "filtres" in spam.sentences(Verdict(Source.FILTER, 0, 0), Said.NOTHING, french)[0]
    assert "à la main" in spam.sentences(Verdict(Source.WORDS, 995, 990, TOKENS), Said.SPAM, french)[0]
    assert spam.sentences(Verdict(Source.WORDS, 995, 990, ("",)), Said.NOTHING, french)[1:-1] == []
