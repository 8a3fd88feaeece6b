"""Whatever a message says of its author: only what our own doors found out decides which messages go together."""

import time

import pytest
from sqlalchemy import update

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Denied
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.schema.mail.messages import message
from mailserver.store.withdrawal import reports, rows
from mailserver.store.withdrawal.reports import State as Reported
from tests.background.conftest import House, text_of
from tests.imap.world import create_account
from tests.outbound.withdrawal.mail import BODY, IT, letter, put, take, withdrawals
from tests.outbound.withdrawal.test_refused import content_of, count, service_of, thanks_of

RECTOR = "Le recteur <recteur@ac-exemple.fr>"
FORGED = Provenance(Door.SMTP, results=AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL))
PROVEN = Provenance(Door.SMTP, results=AuthenticationResults(Outcome.PASS, Outcome.PASS, Alignment.PASS))


def held(tx: Tx, account_id: int, name: str = "INBOX") -> set[int]:
    box = mailboxes.get(tx, account_id, name)
    return {row[0] for row in messages.fetch(tx, account_id, box.id, ("content_id",))}


async def people(store: Store) -> tuple[int, int]:
    return await store.write(create_account, "edupont"), await store.write(create_account, "mmartin")


def genuine(trace: int, account_id: int) -> tuple[bytes, Provenance]:
    octets = letter(trace, sender=RECTOR, subject="Réunion", message_id="<r@ac-exemple.fr>")
    return octets, Provenance(Door.SUBMISSION, account_id)


async def test_what_somebody_put_into_a_mailbox_is_no_report(store: Store) -> None:
    emma, marc = await people(store)
    octets, came = genuine(1, marc)
    real = await store.write(put, store.blobs, octets, [emma, marc], came=came)
    forgery = letter(body="Cliquez", sender=RECTOR, subject="Réunion", message_id="<r@ac-exemple.fr>")
    mine = await store.write(put, store.blobs, forgery, [emma], door=Door.APPENDED)
    service = withdrawals(store)
    with pytest.raises(Refused) as refused:
        await service.report(emma, mine)
    assert refused.value.reason is Reason.CANNOT
    with pytest.raises(Refused):
        await service.preview(mine, alike=False)
    assert await store.read(reports.waiting) == 0
    assert await service.report(emma, real)


@pytest.mark.parametrize("alike", [False, True])
async def test_a_forgery_takes_no_genuine_letter_along(store: Store, alike: bool) -> None:
    """The very same author, Message-ID, subject and text, whether it comes from outside or from an account."""
    emma, marc = await people(store)
    octets, came = genuine(1, marc)
    now = int(time.time())
    real = await store.write(put, store.blobs, octets, [emma, marc], came=came, at=now)
    others = [
        await store.write(put, store.blobs, genuine(place, marc)[0], [emma], came=other, at=now)
        for place, other in enumerate((FORGED, PROVEN, Provenance(Door.SUBMISSION, emma), Provenance(Door.LMTP)), 2)
    ]
    service = withdrawals(store)
    for content in others:
        before = await store.read(held, emma)
        await take(service, content, alike=alike)
        assert await store.read(held, emma) == before - {content}
    assert await store.read(held, marc) == {real}
    number = await take(service, real, alike=alike)
    assert (await store.read(rows.get, number)).taken == 2


async def test_a_copy_of_what_came_in_goes_and_the_authors_own_stays(store: Store) -> None:
    """Programs put what they sent into Sent by APPEND: it lacks the trace fields."""
    emma, marc = await people(store)
    octets, came = genuine(1, marc)
    real = await store.write(put, store.blobs, octets, [emma], came=came)
    assert await store.write(put, store.blobs, octets, [emma], "Archive", door=Door.APPENDED) == real
    own = await store.write(put, store.blobs, genuine(0, marc)[0], [marc], "Sent", door=Door.APPENDED)
    number = await take(withdrawals(store), real, alike=True)
    assert (await store.read(rows.get, number)).taken == 2
    assert await store.read(held, emma, "Archive") == set()
    assert await store.read(held, marc, "Sent") == {own}


async def test_a_refused_forgery_does_not_silence_the_author(house: House) -> None:
    emma, marc = await house.person(), await house.person("Marc", "Martin")
    await house.deliver(emma.address, letter(), results=FORGED.results)
    await take(service_of(house), await house.store.read(content_of, emma.account_id), alike=True)
    await house.deliver(marc.address, letter(2), results=PROVEN.results)
    assert await count(house, marc) == 1
    with pytest.raises(Denied):
        await house.deliver(marc.address, letter(3), results=FORGED.results)


async def test_other_spellings_of_the_author_are_of_the_campaign(store: Store) -> None:
    emma, marc = await people(store)
    now = int(time.time())
    wave = [
        await store.write(
            put,
            store.blobs,
            letter(sender=spelled, body=f"{BODY}{spelled}", message_id=f"<{spelled}>"),
            [emma, marc],
            at=now,
        )
        for spelled in ("Support@Evil.example", "sUpport@evil.example", "support@evil.EXAMPLE")
    ]
    service = withdrawals(store)
    preview = await service.preview(wave[0], alike=True)
    assert (preview.reached.messages, preview.same.messages) == (6, 2)
    await take(service, wave[0], alike=True)
    assert await store.read(held, emma) == set()


async def reported_wave(house: House, service: Withdrawals) -> tuple[list[int], bytes]:
    """Two messages of a campaign, each reported by who got it."""
    emma, marc = await house.person(), await house.person("Marc", "Martin")
    contents = []
    for place, person in enumerate((emma, marc)):
        await house.deliver(person.address, letter(body=f"{BODY}{place}", message_id=f"<{place}@x>"))
        contents.append(await house.store.read(content_of, person.account_id))
        await service.report(person.account_id, contents[-1])
    (wave,) = await house.store.read(reports.campaigns, decided=False)
    return contents, wave.key


async def test_an_act_decides_the_reports_of_what_it_takes(house: House) -> None:
    service = service_of(house)
    contents, key = await reported_wave(house, service)
    newest, oldest = await house.store.read(reports.variants, key)
    assert [newest.newest.content_id, oldest.newest.content_id] == contents[::-1]
    first = await house.store.read(reports.get, key, oldest.newest.id)
    number = await service.begin(await service.preview(first.content_id, alike=False, likeness=first.likeness), 1, IT)
    assert await thanks_of(house, house.worker).tell() == 0, "nobody is told before it is gone"
    await service.work(number)
    assert await house.store.read(reports.waiting) == 1
    assert await thanks_of(house, house.worker).tell() == 1
    second = await take(service, contents[1])
    await service.undo(second, IT)
    states = {one.content_id: one.state for one in (await house.store.read(reports.campaign, key))[1]}
    assert states == {contents[0]: Reported.WITHDRAWN, contents[1]: Reported.DISMISSED}, "of that act alone"
    with pytest.raises(Refused):
        await house.store.read(reports.get, b"other", first.id)


async def test_a_report_whose_message_stays_is_still_to_be_decided(house: House) -> None:
    service = service_of(house)
    contents, key = await reported_wave(house, service)
    preview = await service.preview(contents[0], alike=True)
    number = await service.begin(preview, 1, IT)
    await house.store.write(date_back, contents[1])
    await service.work(number)
    left = {one.content_id: one.state for one in (await house.store.read(reports.campaign, key))[1]}
    assert left == {contents[0]: Reported.WITHDRAWN, contents[1]: Reported.NEW}


async def test_a_report_during_the_taking_is_decided_once_its_message_is_gone(house: House) -> None:
    emma, marc = await house.person(), await house.person("Marc", "Martin")
    for place, person in enumerate((emma, marc)):
        await house.deliver(person.address, letter(place))
    service = service_of(house)
    preview = await service.preview(await house.store.read(content_of, emma.account_id), alike=False)
    number = await service.begin(preview, 1, IT)
    await service.report(marc.account_id, await house.store.read(content_of, marc.account_id))
    assert await thanks_of(house, house.worker).tell() == 0
    await service.work(number)
    assert await house.store.read(reports.waiting) == 0
    assert await thanks_of(house, house.worker).tell() == 1
    assert "de la vôtre aussi" in text_of((await house.inbox(marc))[0])


def date_back(tx: Tx, content_id: int) -> None:
    """It came long before the campaign."""
    tx.execute(update(message).where(message.c.content_id == content_id).values(internal_date=0))


async def test_a_message_id_that_was_used_again_is_asked_about(store: Store) -> None:
    emma, marc = await people(store)
    octets, came = genuine(1, marc)
    real = await store.write(put, store.blobs, octets, [emma], came=came)
    again = await store.write(put, store.blobs, genuine(2, marc)[0], [marc], came=came)
    forged = await store.write(put, store.blobs, genuine(3, marc)[0], [emma], came=FORGED)
    await store.write(put, store.blobs, genuine(4, marc)[0], [emma], door=Door.APPENDED)
    service = withdrawals(store)
    found = await service.variants(0, "r@ac-exemple.fr")
    assert [content for content, _ in found] == [real, forged]
    assert again not in dict(found)
    await service.shown(await service.preview(forged, alike=False), IT)
    (shown,) = await store.read(audit.find, Wanted(action=Action.MAIL_WITHDRAWN), 9)
    assert "recteur@ac-exemple.fr" in str(shown.detail)
