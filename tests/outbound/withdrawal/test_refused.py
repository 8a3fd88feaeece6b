"""Further copies of what was taken back do not come in, reporters are told, and after thirty days nothing is left."""

import pytest

from mailserver.background.blob_gc import BlobCollector
from mailserver.delivery import Envelope
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.rules import Denied
from mailserver.outbound.withdrawal.service import SETTLED_SECONDS, Withdrawals
from mailserver.outbound.withdrawal.thanks import Thanks
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Step
from mailserver.store.queue.traces import Wanted as WantedTraces
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.schema.mail.messages import content
from mailserver.store.upkeep import erasure
from mailserver.store.withdrawal import reports, rows
from mailserver.store.withdrawal.reports import State as Reported
from mailserver.store.withdrawal.rows import State
from tests.background.conftest import DAY, House, Worker, text_of
from tests.outbound.withdrawal.mail import BODY, IT, SUBJECT, letter, put, take

FORGED = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL)


def service_of(house: House, worker: Worker | None = None) -> Withdrawals:
    return Withdrawals(settings=house.settings, store=(worker or house.worker).store, clock=house.clock)


def content_of(tx: Tx, account_id: int) -> int:
    box = mailboxes.get(tx, account_id, "INBOX")
    return int(messages.fetch(tx, account_id, box.id, ("content_id",))[0][0])


def contents(tx: Tx) -> int:
    return len(tx.execute(content.select()).all())


async def count(house: House, person: Principal) -> int:
    return (await house.store.read(mailboxes.get, person.account_id, "INBOX")).messages


async def test_further_copies_are_refused_until_the_end(house: House) -> None:
    emma, marc = await house.person(), await house.person("Marc", "Martin")
    other = house.another()
    await house.deliver(emma.address, letter())
    there = (await other.delivery.resolve(marc.address),)
    await other.delivery.deliver(Envelope("a@b.fr", there), letter(body="Autre"))
    service = service_of(house)
    number = await take(service, await house.store.read(content_of, emma.account_id), alike=True, refused_days=1)
    assert [await count(house, one) for one in (emma, marc)] == [0, 0]
    copies = {
        "the same again": letter(7),
        "the body alone": letter(message_id="<x@y>", subject="Facture", sender="a@b.fr"),
        "of the campaign": letter(body="Autre lien", message_id="<z@y>", subject=f"RE: {SUBJECT.upper()}"),
    }
    for octets in copies.values():
        with pytest.raises(Denied) as denied:
            await house.deliver(marc.address, octets, sender="evil@evil.example")
        assert denied.value.said.to("fr") == "ce message a été retiré par l’académie : il n’est plus accepté ici."
    # Another worker hears of it by time alone: news do not reach it here.
    house.clock.step(3)
    with pytest.raises(Denied):
        await other.delivery.deliver(Envelope("a@b.fr", there), letter())
    await house.deliver(marc.address, letter(body="Bonjour", message_id="<y@y>", subject="Sortie scolaire"))
    assert await count(house, marc) == 1
    await house.worker.directory.add(NewPerson("Ada", "Chef", Role.ADMIN))
    role = await house.worker.delivery.resolve("abuse@ac-exemple.fr")
    await house.worker.delivery.deliver(Envelope("evil@evil.example", (role,)), return_path("") + letter())
    act = await house.store.read(rows.get, number)
    assert act.refused == 4
    wanted = WantedTraces(0, 1 << 40, sender="evil@evil.example")
    refused = [one for one in (await house.store.read(traces.find, wanted, 9)).rows if one.step is Step.REFUSED]
    assert [one.recipients for one in refused] == [(marc.address,)] * 3
    await house.store.write(rows.stop_refusing, IT, number)
    await house.deliver(marc.address, letter())
    assert await count(house, marc) == 2
    with pytest.raises(Refused):
        await house.store.write(rows.stop_refusing, IT, number)
    again = await take(service, await house.store.read(content_of, marc.account_id), refused_days=1)
    house.clock.step(DAY + 3)
    await house.deliver(marc.address, letter())
    assert (await house.store.read(rows.get, again)).refused == 0


async def test_what_was_on_its_way_is_looked_for_again(house: House) -> None:
    emma = await house.person()
    await house.deliver(emma.address, letter())
    service = service_of(house)
    preview = await service.preview(await house.store.read(content_of, emma.account_id), alike=False)
    number = await service.begin(preview, 0, IT)
    await service.look()
    await house.deliver(emma.address, letter(2))
    await service.look()
    assert await count(house, emma) == 1, "not at every look"
    house.clock.step(SETTLED_SECONDS + house.settings.junk.scanner_seconds + 1)
    await service.look()
    assert await count(house, emma) == 0
    act = await house.store.read(rows.get, number)
    assert (act.state, act.taken) == (State.TAKEN, 2)
    await house.deliver(emma.address, letter(3))
    house.clock.step(60)
    await service.look()
    assert await count(house, emma) == 1, "once it is over nothing more is taken"


async def test_after_thirty_days_what_nobody_else_holds_is_gone(house: House) -> None:
    emma, marc = await house.person(), await house.person("Marc", "Martin")
    await house.deliver(emma.address, letter())
    await house.deliver(marc.address, letter(1, body="z" * 300_000, message_id="<g@x>", subject="Gros"))
    service = service_of(house)
    numbers = [
        await take(service, await house.store.read(content_of, one.account_id), refused_days=90) for one in (emma, marc)
    ]
    collector = BlobCollector(store=house.store, clock=house.clock, folder=house.settings.data / "blobs")
    for _ in range(29):
        house.clock.step(DAY)
        await service.look()
        await collector.collect()
    assert await house.store.read(contents) == 2
    await service.undo(numbers[0], IT)
    await service.look()
    assert await count(house, emma) == 1
    house.clock.step(DAY + 60)
    await service.look()
    assert await house.store.read(contents) == 2, "a clock that jumped is believed after a second look"
    await service.tidy()
    await collector.collect()
    house.clock.step(60)
    await collector.collect()
    assert await house.store.read(contents) == 1
    act = await house.store.read(rows.get, numbers[1])
    assert (act.state, await house.store.read(rows.kept, act.id)) == (State.ENDED, (0, 0))
    with pytest.raises(Refused) as refused:
        await service.undo(act.id, IT)
    assert refused.value.reason is Reason.CONFLICT
    with pytest.raises(Denied):
        await house.deliver(marc.address, letter(2, body="z" * 300_000, message_id="<g@x>"))
    steps = await house.store.read(audit.find, Wanted(action=Action.MAIL_WITHDRAWN), 20)
    said = [str(one.detail).rpartition(": ")[2] for one in reversed(steps)]
    assert said == ["begun (0)", "taken (1)"] * 2 + ["undone (1)", "restored (1)", "ended (1)"]


async def test_an_erased_account_takes_along_what_was_taken_from_it(house: House) -> None:
    emma = await house.person()
    await house.deliver(emma.address, letter())
    service = service_of(house)
    number = await take(service, await house.store.read(content_of, emma.account_id))
    while await house.store.write(erasure.step, emma.account_id):
        pass
    assert await house.store.read(rows.kept, number) == (0, 0)
    await service.undo(number, IT)
    await service.work(number)
    assert (await house.store.read(rows.get, number)).state is State.RESTORED
    collector = BlobCollector(store=house.store, clock=house.clock, folder=house.settings.data / "blobs")
    house.clock.step(3600)
    await collector.collect()
    assert await house.store.read(contents) == 0


def thanks_of(house: House, worker: Worker) -> Thanks:
    return Thanks(
        settings=house.settings,
        store=worker.store,
        directory=worker.directory,
        delivery=worker.delivery,
        clock=house.clock,
    )


async def test_who_reports_is_thanked_once_with_the_outcome(house: House) -> None:
    emma, marc, rose = [await house.person(name, "Dupont") for name in ("Emma", "Marc", "Rose")]
    for place, person in enumerate((emma, marc, emma)):
        await house.deliver(person.address, letter(body=f"{BODY}{place}", message_id=f"<{place}@x>"), results=FORGED)
    await house.deliver(rose.address, letter(body="Lettre d'information", subject="Offre", message_id="<o@x>"))
    service = service_of(house)
    box = await house.store.read(mailboxes.get, emma.account_id, "INBOX")
    mine = [row[0] for row in await house.store.read(messages.fetch, emma.account_id, box.id, ("content_id",))]
    for content_id in mine:
        assert await service.report(emma.account_id, content_id)
    assert not await service.report(emma.account_id, mine[0]), "once is enough"
    with pytest.raises(Refused) as refused:
        await service.report(rose.account_id, mine[0])
    assert refused.value.reason is Reason.NOT_FOUND, "nobody reports what they do not have"
    await service.report(marc.account_id, await house.store.read(content_of, marc.account_id))
    await service.report(rose.account_id, await house.store.read(content_of, rose.account_id))
    offer, wave = await house.store.read(reports.campaigns, decided=False)
    assert (wave.count, wave.people, wave.new, offer.count) == (3, 2, 3, 1)
    assert wave.newest.likeness.came.results == FORGED
    assert await house.store.read(reports.waiting) == 4
    assert await house.store.write(reports.dismiss, IT, offer.key) == 1
    preview = await service.preview(wave.newest.content_id, alike=True, likeness=wave.newest.likeness)
    number = await service.begin(preview, 1, IT)
    await service.work(number)
    assert await house.store.read(reports.campaigns, decided=False) == []
    two = house.another()
    for worker in (house.worker, two):
        await thanks_of(house, worker).tell()
    assert [len(await house.inbox(one)) for one in (emma, marc, rose)] == [1, 1, 2]
    told = text_of((await house.inbox(emma))[0])
    assert "retiré de toutes les boîtes" in told
    assert SUBJECT not in told
    assert "rien de dangereux" in text_of((await house.inbox(rose))[1])
    dismissed = await house.store.read(audit.find, Wanted(action=Action.REPORTS_DECIDED), 9)
    assert [one.actor for one in dismissed] == ["achef"]
    await service.undo(number, IT)
    await service.work(number)
    await thanks_of(house, house.worker).tell()
    late, _ = await house.store.read(reports.campaign, wave.key)
    assert late.newest.state is Reported.DISMISSED
    assert len(await house.inbox(marc)) == 2, "the message is back, and nobody is told twice"


async def test_a_report_of_what_was_taken_back_already_waits(house: House) -> None:
    """The reporter has it still: nobody may say that it is gone."""
    emma = await house.person()
    await house.deliver(emma.address, letter())
    service = service_of(house)
    number = await take(service, await house.store.read(content_of, emma.account_id))
    await house.store.write(put_back, house.store, emma.account_id)
    assert await service.report(emma.account_id, await house.store.read(content_of, emma.account_id))
    assert await house.store.read(reports.waiting) == 1
    assert await thanks_of(house, house.worker).tell() == 0
    assert (await house.store.read(rows.get, number)).refused == 0


def put_back(tx: Tx, store: Store, account_id: int) -> None:
    """A copy that came in all the same."""
    put(tx, store.blobs, letter(9), [account_id])


async def test_reports_of_one_person_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    emma = await house.person()
    monkeypatch.setattr(reports, "MAX_A_DAY", 1)
    for number in range(2):
        await house.deliver(emma.address, letter(number))
    box = await house.store.read(mailboxes.get, emma.account_id, "INBOX")
    mine = [row[0] for row in await house.store.read(messages.fetch, emma.account_id, box.id, ("content_id",))]
    service = service_of(house)
    assert await service.report(emma.account_id, mine[0])
    with pytest.raises(Refused) as refused:
        await service.report(emma.account_id, mine[1])
    assert refused.value.reason is Reason.LIMIT
    assert await house.store.write(reports.take_back, emma.account_id, mine[0])
    assert await service.report(emma.account_id, mine[1])
    house.clock.step(reports.KEPT_DAYS * DAY + 1)
    assert await house.store.write(reports.forget) == 1
