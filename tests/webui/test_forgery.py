"""What somebody makes up who knows the code: sealed steps, stalled requests, odd digits."""

import base64
import hashlib
import json
import re
import socket
import time
import zlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.model.identity import Principal
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from tests.webui.house import PASSWORD, House, Visitor
from tests.webui.secondstep import begin, set_up
from tests.webui.test_security import SESSIONS, second


def forged(house: House, visitor: Visitor, purpose: str, values: Sequence[object]) -> str:
    """Sealed as anybody can who has the browser's cookies and none of our secrets."""
    octets = zlib.compress(json.dumps([*values, int(house.clock.now()) + 600]).encode())
    token = f"{purpose} {visitor.http.cookies['visiteur']}"
    key = hashlib.sha256(b"parked text\0" + token.encode()).digest()
    return base64.urlsafe_b64encode(bytes(12) + AESGCM(key).encrypt(bytes(12), octets, None)).decode()


def test_a_second_step_without_the_first_is_made_up_by_nobody(house: House, visitor: Visitor) -> None:
    person = house.person("Nadia", "Sceau")
    visitor.log_in(person.login)
    phone, _ = set_up(house, visitor)
    now = house.run(house.directory.by_account(person.account_id))
    assert now is not None
    stranger = house.visitor()
    stranger.get("/login")
    made_up = forged(house, stranger, "second step", [person.account_id, now.login_version, "simple", False, ""])
    assert stranger.post("/connexion/code", {"etape": made_up, "code": phone.code()}).status_code == 403
    assert stranger.get("/s/").url.path == "/"


def test_made_up_proofs_name_nobody(house: House, visitor: Visitor, emma: Principal) -> None:
    visitor.get("/login")
    new = {"nouveau": "a", "encore": "b"}
    for path, purpose, values in (
        ("/activation", "activation", [emma.login, "", "", "simple"]),
        ("/initialiser/code", "recovery", [emma.login, ""]),
    ):
        visitor.get(path)
        answer = visitor.post(path, {"preuve_scellee": forged(house, visitor, purpose, values), **new})
        assert answer.status_code == 403
        assert emma.surname not in answer.text
        assert emma.address not in answer.text


def test_a_form_that_arrives_after_the_session_ended_does_nothing(house: House, visitor: Visitor) -> None:
    """Its head came while the session was open; the body was held back until its owner had logged out everywhere."""
    person = house.person("Odile", "Attente")
    thief, owner = visitor, house.visitor()
    thief.log_in(person.login)
    owner.log_in(person.login)
    mark = re.search(r'name="m_"\s+value="([^"]+)"', thief.get(SESSIONS).text)
    assert mark
    body = f"m_={mark[1]}&toutes=1".encode()
    head = (
        f"POST {SESSIONS} HTTP/1.1\r\nHost: 127.0.0.1:{house.ports['http']}\r\nCookie: session="
        f"{thief.http.cookies['session']}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.ports["http"]), timeout=60) as line:
        line.sendall(head.encode() + body[:-1])
        time.sleep(1.1)
        owner.get(SESSIONS)
        assert owner.post(SESSIONS, {"toutes": "1"}).url.path == SESSIONS
        line.sendall(body[-1:])
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert b"set-cookie: session=" not in answer.lower()
    assert owner.get("/s/").url.path == "/s/"


def test_digits_of_other_scripts_are_a_wrong_code(house: House, visitor: Visitor) -> None:
    person = house.person("Farid", "Chiffre")
    visitor.log_in(person.login)
    secret = begin(visitor)
    assert secret
    answer = visitor.post(
        "/compte/double-authentification",
        {"faire": "confirmer", "etape": visitor.field("etape"), "code": "١٢٣٤٥٦"},
    )
    assert answer.status_code == 422
    set_up(house, visitor)
    other = house.visitor()
    other.log_in(person.login, PASSWORD)
    assert second(other, code="१२३४५६") == 401
    assert second(other, code="9" * 10_000) == 401
    assert second(other, code="9" * 1_000_000) == 413


def test_half_a_proof_names_nobody(house: House, visitor: Visitor) -> None:
    """The NUMEN of somebody, without the birth date."""
    numen = "21E2600987ABC"
    person = house.person("Julie", "Moitié", password="", numen=numen, birth_date="1980-03-31")
    visitor.get("/activation")
    visitor.post("/activation", {"identifiant": person.login, "preuve": numen, "naissance": ""})
    sealed = visitor.field("preuve_scellee")
    assert sealed
    for new in ({"nouveau": "a", "encore": "b"}, {"nouveau": "a", "encore": "a"}):
        visitor.post("/activation", {"preuve_scellee": sealed, **new})
        assert person.surname not in visitor.text
        assert person.address not in visitor.text
        visitor.get("/activation")


def test_closing_one_session_is_on_record(house: House, visitor: Visitor) -> None:
    person = house.person("Iris", "Trace")
    house.visitor().log_in(person.login)
    visitor.log_in(person.login)
    closable = re.findall(r'name="fermer"\s+value="([^"]+)"', visitor.get(SESSIONS).text)
    visitor.post(SESSIONS, {"fermer": closable[0]})
    event = house.store.read_now(audit.history, person.account_id)[0]
    assert (event.action, event.actor, event.detail) == (Action.SESSIONS_CLOSED, "self", "one")
    assert visitor.get("/compte?fait=session&n=²").status_code == 200


@pytest.mark.parametrize("digits", [19, 30, 5000])
@pytest.mark.parametrize(
    "path", ["/s/message/{}", "/m/dossier/{}", "/secretariat/code/{}", "/m/listes/{}", "/m/liste/x/messages/{}"]
)
def test_numbers_that_no_key_has(house: House, at_home: Visitor, path: str, digits: int) -> None:
    for visitor in (at_home, house.visitor()):
        assert visitor.get(path.format("9" * digits)).status_code == 404
