"""Functional boxes by SMTP: mail is stored once, in the box; holders read it there and write in its name."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from directory.lists import rosters
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import ListKind, Writers
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Viewer, boxes
from mailserver.store.people import removals
from mailserver.store.people.mailing_lists import lists
from mailserver.store.schema.mail.sharing import mailbox_act
from tests.lists.house import ORIGIN, UAI, arrive, at, letter, make_list, school_in, send, submitting, without_mail
from tests.smtp.house import DOMAIN, House


@pytest.fixture(scope="module")
def house(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with school_in(tmp_path_factory.mktemp("boxes") / "dir", instance_template) as house:
        yield house


@pytest.fixture
def box(house: House) -> str:
    without_mail(house)
    address = make_list(house, f"ce.{UAI.lower()}", [at("rose"), at("paul")], kind=ListKind.FUNCTION, uai=UAI)
    house.store.write_now(_empty, house.read(boxes.find, address))
    return address


def _empty(tx: Tx, owner: int) -> None:
    """A box that is made again has the mail it had."""
    accounts.set_quota(tx, owner, -1)
    for one in mailboxes.listing(tx, owner):
        messages.erase(tx, owner, one.id, [row[0] for row in messages.state(tx, one.id)])
    tx.execute(delete(mailbox_act))


def hold(house: House, box: str, **words: str) -> None:
    wanted = {at(login): said.split() for login, said in words.items()}
    house.store.write_now(rosters.hold, rosters.ListSettings.of(house.settings), box, wanted, (), ORIGIN)


def counted(house: House, box: str, name: str = "INBOX") -> int:
    return house.read(lambda tx: mailboxes.get(tx, boxes.find(tx, box), name)).messages


def sent(house: House, account_id: int) -> int:
    """How many messages lie in somebody's Sent, which is made when it is first needed."""
    return sum(one.messages for one in house.read(mailboxes.listing, account_id) if one.name == "Sent")


def test_mail_is_stored_once_and_in_the_box(house: House, box: str) -> None:
    assert arrive(house, "parent@exemple.org", box) == {}
    assert send(house, "ines", box, at("rose")) == {}
    assert counted(house, box) == 2
    assert house.mail("paul") == []
    assert len(house.mail("rose")) == 1, "her own copy, because she was named beside the box"
    owner = house.read(boxes.find, box)
    folder = house.settings.data / "blobs"
    inbox = house.read(mailboxes.get, owner, "INBOX")
    octets = house.read(messages.octets, owner, inbox.id, 1, folder)
    assert b"List-Id" not in octets


def test_a_box_within_a_list_gets_the_lists_copy(house: House, box: str) -> None:
    outer = make_list(house, "tous", [box, at("tom")])
    assert send(house, "ines", outer) == {}
    assert counted(house, box) == 1
    assert len(house.mail("tom")) == 1
    assert house.mail("rose") == []


def test_policies_and_quota_hold_for_a_box(house: House, box: str) -> None:
    house.store.write_now(lists.change, box, {"writers": Writers.STAFF.value})
    assert send(house, "tom", box)[box][0] == 550
    assert send(house, "paul", box) == {}
    house.store.write_now(accounts.set_quota, house.read(boxes.find, box), 10)
    assert send(house, "paul", box)[box][0] in (452, 552)


def test_what_is_announced_too_large_for_a_box_is_refused_at_once(house: House, box: str) -> None:
    """RFC 1870 section 6.1: before the octets travel."""
    assert arrive(house, "parent@exemple.org", box) == {}
    owner = house.read(boxes.find, box)
    house.store.write_now(accounts.set_quota, owner, house.read(messages.usage, owner)[0] + 5000)
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.exemple.org")
        client.mail("parent@exemple.org", ["SIZE=6000"])
        assert client.rcpt(box)[0] in (452, 552)
        client.rset()
        client.mail("parent@exemple.org", ["SIZE=4000"])
        assert client.rcpt(box)[0] == 250


def test_who_may_send_writes_in_its_name_and_is_on_record(house: House, box: str) -> None:
    hold(house, box, rose="read write send", paul="read")
    with submitting(house, "rose") as client:
        assert client.sendmail(box, [at("tom")], letter(box, at("tom"))) == {}
    (one,) = house.mail("tom")
    assert f"From: {box}".encode() in one
    assert b"Sender:" not in one
    assert b"rose" not in one, "nobody outside is told which person it was"
    owner = house.read(boxes.find, box)
    rose = house.people["rose"].account_id
    acts = house.read(access.acts, owner, 10)
    assert [(act.actor_id, act.act) for act in acts] == [(rose, "send")]
    with submitting(house, "paul") as client, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        client.sendmail(box, [at("tom")], letter(box, at("tom")))
    assert refused.value.smtp_code == 553
    with submitting(house, "paul") as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail(at("paul"), [at("tom")], letter(box, at("tom")))
    hold(house, box, rose="read")
    with submitting(house, "rose") as client, pytest.raises(smtplib.SMTPSenderRefused):
        client.sendmail(box, [at("tom")], letter(box, at("tom")))


def test_its_name_at_another_domain_is_not_its_address(house: House, box: str) -> None:
    hold(house, box, rose="read write send")
    elsewhere = box.replace(DOMAIN, "ailleurs.fr")
    with submitting(house, "rose") as client:
        assert client.mail(elsewhere)[0] == 553
        assert client.mail(at("rose"))[0] == 250
        assert client.rcpt(at("tom"))[0] == 250
        assert client.data(letter(elsewhere, at("tom")))[0] == 550
    assert house.mail("tom") == []


def test_a_right_that_goes_while_a_message_is_sent(house: House, box: str) -> None:
    """Between the question whether rose may write in the box's name and the commit: nothing leaves, nothing is kept."""
    hold(house, box, rose="read write send")
    rose = house.people["rose"]

    def meanwhile(tx: Tx) -> None:
        lists.set_rights(tx, box, {at("rose"): "read write"})

    sending = house.submission.submit(
        rose, box, [at("tom")], letter(box, at("tom")), save_to_sent=True, within=meanwhile
    )
    with pytest.raises(Refused) as refusal:
        house.run(sending)
    assert refusal.value.reason is Reason.FORBIDDEN
    assert house.mail("tom") == []
    assert counted(house, box, "Sent") == 0


def test_the_copy_of_what_the_web_sends_lies_in_the_box(house: House, box: str) -> None:
    hold(house, box, rose="read write send")
    rose = house.people["rose"]
    before = sent(house, rose.account_id)
    house.run(house.submission.submit(rose, box, [at("tom")], letter(box, at("tom")), save_to_sent=True))
    assert counted(house, box, "Sent") == 1
    assert sent(house, rose.account_id) == before


def test_the_copy_of_who_may_file_nothing_there_is_their_own(house: House, box: str) -> None:
    hold(house, box, rose="read send")
    rose = house.people["rose"]
    before = sent(house, rose.account_id)
    house.run(house.submission.submit(rose, box, [at("tom")], letter(box, at("tom")), save_to_sent=True))
    assert counted(house, box, "Sent") == 0
    assert sent(house, rose.account_id) == before + 1
    owner = house.read(boxes.find, box)
    assert [(act.actor_id, act.act) for act in house.read(access.acts, owner, 10)] == [(rose.account_id, "send")]


def test_holders_come_and_go(house: House, box: str) -> None:
    rose = house.people["rose"].account_id
    (held,) = house.read(access.held_boxes, Viewer(rose))
    assert held.words == frozenset({"read", "write", "send"}), "what members of whom nothing is said may do"
    assert house.read(boxes.sendable, rose) == {box: held.box_id}
    list_settings = rosters.ListSettings.of(house.settings)
    house.store.write_now(rosters.hold, list_settings, box, {}, [at("rose")], ORIGIN)
    assert house.read(access.held_boxes, Viewer(rose)) == []
    with pytest.raises(Refused) as refusal:
        hold(house, box, rose="everything")
    assert refusal.value.reason is Reason.INVALID
    with pytest.raises(Refused, match="only people"):
        house.store.write_now(rosters.edit_checked, list_settings, box, ["jean@ailleurs.fr"], [], ORIGIN)


def test_somebody_holds_a_box_once_by_whichever_address(house: House, box: str) -> None:
    """By the identifier and by the name: taken off by one of them they went on reading by the other."""
    rose, list_settings = house.people["rose"], rosters.ListSettings.of(house.settings)
    assert rose.address != at("rose")

    def holders() -> dict[str, str]:
        return dict(house.read(lists.holders, box))

    def held(*removed: str, **wanted: str) -> None:
        said = {address: words.split() for address, words in wanted.items()}
        house.store.write_now(rosters.hold, list_settings, box, said, removed, ORIGIN)

    hold(house, box, rose="read write manage send")
    held(**{rose.address: "read"})
    assert holders() == {rose.address: "read", at("paul"): "read write send"}
    house.store.write_now(rosters.edit_checked, list_settings, box, [at("rose")], [], ORIGIN)
    assert holders()[rose.address] == "read", "who is in it already is not let do more"
    held(at("rose"))
    assert holders() == {at("paul"): "read write send"}
    assert house.read(access.held_boxes, Viewer(rose.account_id)) == []
    house.store.write_now(rosters.edit_checked, list_settings, box, [rose.address, at("rose")], [], ORIGIN)
    assert len(holders()) == 2
    house.store.write_now(rosters.edit_checked, list_settings, box, [], [at("rose"), rose.address], ORIGIN)
    assert holders() == {at("paul"): "read write send"}


def test_a_renamed_box_keeps_its_mail(house: House, box: str) -> None:
    assert arrive(house, "parent@exemple.org", box) == {}
    new = f"ecole@{DOMAIN}"
    house.store.write_now(removals.rename_list, box, new)
    assert counted(house, new) == 1
    rose = Viewer.of(house.people["rose"].account_id, "rose")
    assert house.read(access.find, rose, "Fonctions/ecole/INBOX").box.messages == 1
