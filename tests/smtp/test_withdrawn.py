"""What was taken back is refused at every door, in a plain sentence; it comes in again once that is undone."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.withdrawal import rows
from tests.outbound.withdrawal.mail import IT, letter
from tests.smtp.house import DOMAIN, PASSWORD, House

SAID = "ce message a ete retire par l'academie : il n'est plus accepte ici."


@contextmanager
def withdrawn(house: House) -> Iterator[int]:
    """The letter was taken back from Ada."""
    service = Withdrawals(settings=house.settings, store=house.store, clock=house.clock)

    async def take() -> int:
        preview = await service.preview(house.read(newest, house.people["ada"].account_id), alike=True)
        number = await service.begin(preview, 1, IT)
        await service.work(number)
        return number

    async def undo(number: int) -> None:
        await service.undo(number, IT)
        await service.work(number)

    number = house.run(take())
    try:
        yield number
    finally:
        house.run(undo(number))


def newest(tx: Tx, account_id: int) -> int:
    box = mailboxes.get(tx, account_id, "INBOX")
    return int(messages.fetch(tx, account_id, box.id, ("content_id",))[-1][0])


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_from_other_servers(house: House, port: str) -> None:
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], timeout=60) as client:
        client.sendmail("support@evil.example", [f"ada@{DOMAIN}"], letter())
        with withdrawn(house) as number:
            assert house.mail("ada") == []
            client.mail("support@evil.example")
            client.rcpt(f"bob@{DOMAIN}")
            code, text = client.data(letter(2))
            assert (code, text.decode()[:5]) == (550, "5.7.1")
            assert SAID in text.decode()
            client.sendmail(
                "support@evil.example", [f"bob@{DOMAIN}"], letter(body="Autre", subject="Autre", message_id="<q@x>")
            )
            assert house.read(rows.get, number).refused == 1
        assert len(house.mail("bob")) == 1
        assert len(house.mail("ada")) == 1
        client.sendmail("support@evil.example", [f"bob@{DOMAIN}"], letter(3))
    assert len(house.mail("bob")) == 2


def test_from_people_of_the_house(house: House) -> None:
    mine = letter(sender=f"Bob <bob@{DOMAIN}>")
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls()
        client.login("bob", PASSWORD)
        client.sendmail(f"bob@{DOMAIN}", [f"ada@{DOMAIN}"], mine)
        with withdrawn(house):
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail(f"bob@{DOMAIN}", [f"eve@{DOMAIN}", "amie@ailleurs.fr"], mine)
            assert refused.value.smtp_code == 550
            assert SAID in str(refused.value.smtp_error)
        assert house.mail("eve") == []
