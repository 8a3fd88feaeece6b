"""Several chosen messages on one page for paper: bounded, nothing remote, nothing of others."""

import re

import pytest

from mailserver.model.identity import Principal
from tests.webui.hostile.envelopes import PNG, file, html, multipart
from tests.webui.house import House, Visitor, mail
from webui.reader.printing import MAX_MESSAGES

_counter: list[int] = []


@pytest.fixture
def reader(house: House) -> Principal:
    _counter.append(0)
    return house.person("Paula", f"Papier-{len(_counter)}")


@pytest.fixture
def visitor(house: House, reader: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(reader.login)
    return made


def asked(house: House, visitor: Visitor, reader: Principal, ids: list[int], base: str = "/s") -> str:
    box = house.box(reader, "INBOX").id
    visitor.get(f"{base}/dossier/{box}")
    return visitor.post(f"{base}/dossier/{box}/imprimer", {"m": list(map(str, ids)), "retour": "page=1"}).text


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_the_texts_of_all_on_one_page(house: House, visitor: Visitor, reader: Principal, base: str) -> None:
    first = house.deliver(reader, mail("Premier", body="Texte du premier\n"))
    hostile = mail("Second").split(b"Content-Type")[0] + (
        b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        b"<script>alert(1)</script><p style='color:red'>Texte du second<img src=https://a.example/x.png onerror=x()>"
    )
    second = house.deliver(reader, hostile)
    house.deliver(reader, mail("Pas choisi"))
    text = asked(house, visitor, reader, [first, second], base)
    assert re.findall(r"<h2[^>]*>\s*<bdi>([^<]*)", text) == ["Second", "Premier"]
    assert "Texte du premier" in text
    assert "Texte du second" in text
    assert "Pas choisi" not in text
    assert not re.search(r"<script|<iframe|<img|a\.example|style=", text)
    assert visitor.page is not None
    formatted = visitor.get(f"{visitor.page.url.raw_path.decode()}&forme=1")
    assert re.search(r"<p style=\"color:\s?red\">Texte du second", formatted.text)
    assert not re.search(r"<script|<iframe|a\.example|onerror", formatted.text)
    policy = formatted.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-same-origin allow-modals" in policy
    assert "script" not in policy
    assert f"{base}/dossier/{house.box(reader, 'INBOX').id}?page=1" in text


def test_nothing_of_others_and_nothing_that_is_not_there(
    house: House, visitor: Visitor, reader: Principal, marc: Principal
) -> None:
    mine = house.deliver(reader, mail("À moi"))
    foreign = house.deliver(marc, mail("À Marc", body="Le secret de Marc\n"))
    own, other = house.box(reader, "INBOX").id, house.box(marc, "INBOX").id
    text = visitor.get(f"/s/dossier/{own}/imprimer?m={mine}-{foreign}-99999999-x").text
    assert "À moi" in text
    assert "Marc" not in text
    assert "2 messages ne sont pas sur cette page" in text
    assert visitor.http.get(f"/s/dossier/{other}/imprimer?m={foreign}").status_code == 404
    assert visitor.http.get(f"/s/dossier/{own}/imprimer").status_code == 200


def test_a_page_holds_a_bounded_number(house: House, visitor: Visitor, reader: Principal) -> None:
    ids = [house.deliver(reader, mail(f"Lettre {number}")) for number in range(MAX_MESSAGES + 2)]
    text = asked(house, visitor, reader, ids)
    assert len(re.findall(r"<article", text)) == MAX_MESSAGES
    assert "au plus 50 messages" in text
    assert "Lettre 0<" not in text


def test_one_message_and_its_conversation(house: House, visitor: Visitor, reader: Principal) -> None:
    """With who, when and what is attached; the conversation the oldest first, with pictures of the open one alone."""
    question = mail("Sortie", body="La question\n")
    root = re.findall(rb"Message-ID: (\S+)", question)[0].decode()
    first = house.deliver(reader, question)
    answer = mail("Re: Sortie", more=f"References: {root}\r\n").split(b"Content-Type")[0]
    page = b'<p>La suite<img src="https://a.example/p.png"><img src="cid:logo">'
    logo = file(PNG, "image/png", "inline", "Content-ID: <logo>\r\n")
    plan = file(b"%PDF-1.4", "application/pdf", 'attachment; filename="plan.pdf"')
    last = house.deliver(reader, answer + multipart(html(page), logo, plan))
    text = visitor.get(f"/s/message/{last}/imprimer?forme=1").text
    for said in ("Re: Sortie", "awa.diallo@exemple.org", "plan.pdf", "La suite", "novembre 2026"):
        assert said in text
    assert "La question" not in text
    assert "a.example" not in text
    assert re.search(rf'<img src="/s/piece/{last}/2\?image=1"', text)
    assert "https%3A%2F%2Fa.example%2Fp.png" in visitor.get(f"/s/message/{last}/imprimer?forme=1&images=1").text
    whole = visitor.get(visitor.links(r"fil=1")[0]).text
    assert re.findall(r"<h2[^>]*>\s*<bdi>([^<]*)", whole) == ["Sortie", "Re: Sortie"]
    assert whole.index("La question") < whole.index("La suite")
    assert "fil=1" in visitor.get(f"/s/message/{first}/imprimer").text


def test_nothing_chosen_is_said_in_the_list(house: House, visitor: Visitor, reader: Principal) -> None:
    house.deliver(reader, mail("Seul"))
    assert "Cochez" in asked(house, visitor, reader, []) or "coch" in visitor.text
