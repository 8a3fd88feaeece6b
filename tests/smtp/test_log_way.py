"""One identifier along a message's way: every line of it carries it, from MAIL to the report."""

import json
import smtplib
from pathlib import Path

import pytest

from mailserver.foundation.settings import Log
from mailserver.foundation.structured_logs import logs
from mailserver.model.errors import Temporary
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, House
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
SECRET = "Sujet-dont-rien-ne-parle"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: x@ailleurs.fr\r\nSubject: {SECRET}\r\n\r\nBonjour {SECRET}\r\n".encode()


def lines(folder: Path) -> list[dict[str, str]]:
    path = folder / "log" / "mailserver.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_log(house: House) -> Path:
    """From now on the log goes to a file, as JSON."""
    logs.configure(Log(format="json", to="file", level="debug"), house.settings.directory, DOMAIN)
    return house.settings.directory


def test_from_a_submission_to_the_report(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    try:
        house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,), "timeout": 5})
        folder = write_log(house)
        elsewhere.inbox.answers = {"bad@ailleurs.fr": "550 5.1.1 No such user"}
        house.start_relay()
        name = house.run(
            house.submission.submit(house.people["ada"], ADA, ["good@ailleurs.fr", "bad@ailleurs.fr"], MESSAGE)
        ).name
        until(lambda: house.mail("ada"))
        until(lambda: {"delivered", "failed"} <= {line["event"] for line in lines(folder)})
    finally:
        elsewhere.stop()
    said = lines(folder)
    whole = {line["event"] for line in said if line.get("message") == name}
    assert whole >= {"submitted", "delivered", "failed", "report"}
    assert all(line.get("message") == name for line in said if line["part"] in ("submit", "relay", "deliver")), said
    assert SECRET not in json.dumps(said)


def test_from_mail_to_the_answer(make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction of a connection has its own, told in the answer; what is not taken is logged with it, too."""
    house = make_house()
    folder = write_log(house)

    async def full(*_: object, **__: object) -> None:
        raise Temporary("Too much work waits for the disk")

    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=30) as client:
        client.ehlo("elsewhere.example")
        answers = []
        for _ in range(2):
            client.mail("a@a.example")
            client.rcpt(ADA)
            answers.append(client.data(b"Subject: x\r\n\r\n" + SECRET.encode())[1].decode())
        monkeypatch.setattr(house.delivery, "deliver", full)
        client.mail("a@a.example")
        client.rcpt(ADA)
        assert client.data(b"Subject: x\r\n\r\ny")[0] == 451
        client.mail("a@a.example")
        client.rset()
    said = lines(folder)
    delivered = [line["message"] for line in said if line["event"] == "delivered"]
    assert len(set(delivered)) == 2
    assert all(name in answer for name, answer in zip(delivered, answers, strict=True))
    (not_taken,) = [line for line in said if line["event"] == "not taken"]
    assert not_taken["message"] not in delivered
    assert not_taken["said"].startswith("451 ")
    assert SECRET not in json.dumps(said)
