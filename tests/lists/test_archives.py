"""What a list keeps of what it sends on: by which copy, named how, what it leaves out, and what becomes of it."""

import shutil
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import func, select

from directory.lists import archive_readers, rosters
from directory.lists.rosters import ListChange
from mailserver.delivery.member_keys import MemberKeys
from mailserver.model.clock import DAY
from mailserver.model.identity import Archive
from mailserver.model.messages.provenance import UNKNOWN
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import archived_posts, collect, recovery
from mailserver.store.mail.proportion import Terms
from mailserver.store.people import lists, outside_members, removals
from mailserver.store.schema.mail import content, message
from mailserver.store.schema.rosters import archived_post
from mailserver.store.upkeep import erasure
from mailserver.store.web import archive_pages
from tests.clocks import MovingClock
from tests.lists.house import (
    ORIGIN,
    UAI,
    arrive,
    at,
    letter,
    make_list,
    moderation,
    populate,
    send,
    waiting,
    without_mail,
)
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.waiting import until

AMIE = "amie@ailleurs.fr"
YEAR = 365 * DAY


@pytest.fixture(scope="module")
def sink() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory, sink: Elsewhere) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("archives") / "dir"
    shutil.copytree(instance_template, directory)
    outbound = {"smarthost": sink.target, "retry": (1,), "timeout": 5}
    house = House(directory, clock=MovingClock(), outbound=outbound, mailings={"outside": 0})
    populate(house)
    yield house
    house.stop()


@pytest.fixture
def house(school: House, sink: Elsewhere) -> Iterator[House]:
    without_mail(school)
    school.store.write_now(
        lambda tx: [archived_posts.prune(tx, int(school.store.clock.now()) + YEAR) for _ in range(9)]
    )
    sink.inbox.taken.clear()
    yield school
    school.stop_relays()


def keeping(house: House, local: str, members: list[str], archive: Archive = Archive.MEMBERS, **more: object) -> str:
    address = make_list(house, local, members, **more)
    change(house, address, archive=archive)
    return address


def change(house: House, address: str, **values: object) -> None:
    wanted = ListChange(**values)  # type: ignore[arg-type]
    house.store.write_now(rosters.change, rosters.House.of(house.settings), address, wanted, ORIGIN)


def kept(house: House, address: str) -> list[archive_pages.Line]:
    return house.read(archive_pages.newest, address, 100)


def opened(house: House, login: str, address: str) -> archive_readers.OpenArchive | None:
    return house.read(archive_readers.opened, rosters.House.of(house.settings), house.people[login], address)


def test_what_members_got_is_kept_by_the_copy_that_they_have_and_says_where_it_is_found_again(house: House) -> None:
    address = keeping(house, "chorale", [at("tom"), at("lea")], owners=(at("ines"),))
    assert not send(house, "tom", address, subject="Concert")
    (line,) = kept(house, address)
    assert (line.subject, line.author) == ("Concert", "tom"), "a name, or what is before the sign; never an address"
    got = message_from_bytes(house.mail("lea")[0])
    page = f"{house.settings.public_url}/archives/{address}"
    assert got["List-Archive"] == f"<{page}>"
    name = got["Archived-At"].strip("<>").removeprefix(f"{page}/")
    assert house.read(archive_pages.number_of, address, name) == line.id
    same = select(func.count()).where(message.c.content_id == line.content_id)
    held = house.read(lambda tx: tx.execute(same).scalar_one())
    assert held == 2, "no second copy: it is the one in both mailboxes"


def test_by_default_nothing_is_kept_and_nothing_said(house: House) -> None:
    address = make_list(house, "chorale", [at("tom"), at("lea")])
    assert not send(house, "tom", address)
    assert kept(house, address) == []
    got = message_from_bytes(house.mail("lea")[0])
    assert got["List-Archive"] is None
    assert got["Archived-At"] is None


@pytest.mark.parametrize("field", [b"X-No-Archive: Yes", b"x-no-archive:yes", b"Archive: no", b"X-Archive: no"])
def test_who_wants_no_archive_is_in_none(house: House, field: bytes) -> None:
    address = keeping(house, "chorale", [at("tom"), at("lea")])
    octets = field + b"\r\n" + letter("x@ailleurs.fr", address)
    assert not arrive(house, "x@ailleurs.fr", address, octets=octets)
    assert kept(house, address) == []
    got = message_from_bytes(house.mail("lea")[0])
    assert got["List-Archive"]
    assert got["Archived-At"] is None


def test_owners_alone_read_what_is_said_to_nobody_else(house: House) -> None:
    address = keeping(house, "conseil", [at("tom"), at("lea")], Archive.OWNERS, owners=(at("ines"),))
    assert not send(house, "tom", address)
    assert len(kept(house, address)) == 1
    assert message_from_bytes(house.mail("lea")[0])["List-Archive"] is None
    assert opened(house, "lea", address) is None
    reader = opened(house, "ines", address)
    assert reader is not None
    assert reader.is_owner


def test_what_everybody_got_in_person_is_kept_once_and_what_waits_is_not_before_it_is_let_go(house: House) -> None:
    address = keeping(house, "chorale", [at("lea")], moderated=True, owners=(at("ines"),))
    assert not send(house, "tom", address, at("lea"), subject="Attend")
    assert kept(house, address) == [], "it waits for an owner"
    (held,) = waiting(house)
    house.run(moderation(house).approve(held.id, ORIGIN))
    assert [line.subject for line in kept(house, address)] == ["Attend"]
    change(house, address, moderated=False)
    assert not send(house, "tom", address, at("lea"), subject="Direct")
    assert [line.subject for line in kept(house, address)] == ["Direct", "Attend"]


def test_members_outside_are_told_of_their_own_page_and_read_as_long_as_they_are_members(
    house: House, sink: Elsewhere
) -> None:
    address = keeping(house, "chorale", [at("lea"), AMIE])
    assert not send(house, "tom", address)
    house.start_relay()
    until(lambda: len(sink.inbox.taken) == 1)
    got = message_from_bytes(bytes(sink.inbox.taken[0].original_content or b""))
    keys = MemberKeys(house.settings.secret("hmac"))
    number = house.read(lambda tx: outside_members.ids(tx, address, [AMIE]))[AMIE]
    assert got["List-Archive"] == f"<{house.settings.public_url}/abonnement/{keys.link(number)}/archives>"
    assert got["Archived-At"] is None
    assert b"list-archive" in got["DKIM-Signature"].encode().lower() or got["DKIM-Signature"]

    def may() -> bool:
        return house.read(archive_readers.opened_outside, rosters.House.of(house.settings), number) is not None

    assert may()
    change(house, address, archive=Archive.OWNERS)
    assert not may()
    change(house, address, archive=Archive.MEMBERS)
    house.store.write_now(outside_members.leave, number)
    assert not may(), "who left reads no more"
    house.store.write_now(outside_members.resume, number)
    assert may()
    house.store.write_now(lists.remove_members, address, [AMIE])
    assert not may()


def test_who_reads_is_who_is_in_it_now(house: House) -> None:
    inner = make_list(house, "dedans", [at("lea")])
    living = make_list(house, "vivante", query=f"role=staff uai={UAI}")
    address = keeping(house, "chorale", [inner, living, f"direction.{UAI.lower()}@{house.settings.domain}"])
    assert opened(house, "lea", address), "a member of a list within it"
    assert opened(house, "paul", address), "found by a living list within it"
    assert opened(house, "max", address) is None
    assert opened(house, "rose", address) is None
    house.store.write_now(lists.remove_members, inner, [at("lea")])
    assert opened(house, "lea", address) is None
    house.store.write_now(lists.remove_members, address, [living])
    assert opened(house, "paul", address), "found by a list of the school within it"
    house.store.write_now(lists.change, address, {"archive": "academy"})
    assert opened(house, "max", address)
    house.store.write_now(lists.change, address, {"archive": "none"})
    assert opened(house, "paul", address) is None


def test_a_deleted_list_leaves_nothing_to_the_next_of_its_address_and_a_renamed_one_keeps_it(house: House) -> None:
    address = keeping(house, "chorale", [at("lea")])
    assert not send(house, "tom", address)
    house.store.write_now(removals.rename_list, address, at("choeur"))
    assert len(kept(house, at("choeur"))) == 1
    house.store.write_now(rosters.delete, at("choeur"), ORIGIN)
    house.store.write_now(lists.create, at("choeur"), "", "")
    assert kept(house, at("choeur")) == []
    assert house.store.write_now(archived_posts.prune, 0) == 1


@pytest.mark.parametrize("way", ["made", "renamed"])
def test_what_arrives_while_a_list_is_deleted_is_not_read_by_the_next_of_its_address(house: House, way: str) -> None:
    address = keeping(house, "chorale", [at("lea")])
    assert not send(house, "tom", address)
    (line,) = kept(house, address)
    house.store.write_now(rosters.delete, address, ORIGIN)
    late = archived_posts.Archived(address, "late", house.people["tom"].account_id)
    house.store.write_now(archived_posts.keep, line.content_id, late, UNKNOWN)
    if way == "made":
        keeping(house, "chorale", [at("max")])
    else:
        house.store.write_now(removals.rename_list, keeping(house, "choeur", [at("max")]), address)
    assert kept(house, address) == []


def test_retention_and_removal_take_what_is_theirs_and_nothing_that_somebody_has(house: House) -> None:
    address = keeping(house, "chorale", [at("lea")], owners=(at("ines"),))
    for subject in ("Un", "Deux"):
        assert not send(house, "tom", address, subject=subject)
    two, one = kept(house, address)
    house.store.write_now(archive_readers.take_out, address, one.id, ORIGIN)
    now = int(house.store.clock.now())
    assert house.store.write_now(archived_posts.prune, now - DAY) == 0, "nothing is old"
    house.empty()
    for person in house.people.values():
        while house.store.write_now(recovery.erase, person.account_id):
            pass
    sweep(house)
    assert stored(house, two.content_id), "the archive alone holds it"
    assert not stored(house, one.content_id), "nobody does"
    assert house.read(archive_pages.octets, address, two.id, house.store.blobs).endswith(b"Texte\r\n")
    assert house.store.write_now(archived_posts.prune, now + DAY) == 1
    sweep(house)
    assert not stored(house, two.content_id)


def test_what_an_erased_author_wrote_goes(house: House) -> None:
    address = keeping(house, "chorale", [at("lea"), at("max")])
    assert not send(house, "tom", address, subject="De Tom")
    assert not send(house, "max", address, subject="De Max")
    assert house.store.write_now(archived_posts.erase, house.people["tom"].account_id) == 1
    assert [line.subject for line in kept(house, address)] == ["De Max"]
    assert archived_post in erasure._APART, "by a step of its own, which notes the content"


def test_search_looks_in_texts_subjects_and_names_and_not_in_addresses(house: House) -> None:
    address = keeping(house, "chorale", [at("lea")])
    octets = letter("Awa Diallo <secrete@ailleurs.fr>", address, "Répétition").replace(b"Texte", b"Au gymnase")
    assert not arrive(house, "secrete@ailleurs.fr", address, octets=octets)

    def found(words: str) -> int:
        return len(house.read(archive_pages.search, address, words, house.store.blobs))

    assert found("gymnase") == found("REPETITION diallo") == found("gymn repetition") == 1
    assert found("secrete") == found("ailleurs.fr") == found("gymnase piscine") == found("  ") == 0


def sweep(house: House) -> None:
    """Collect what nothing holds."""
    later = int(house.store.clock.now()) + 1
    house.store.write_now(lambda tx: collect.collect(tx, later, Terms()))


def stored(house: House, content_id: int) -> bool:
    def look(tx: Tx) -> bool:
        return tx.execute(select(content.c.id).where(content.c.id == content_id)).first() is not None

    return house.read(look)
