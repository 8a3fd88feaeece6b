"""What a list keeps of what it sends on: by which copy, named how, what it leaves out, and what becomes of it."""

from email import message_from_bytes

import pytest
from sqlalchemy import func, select, update

from directory.lists import archive_readers, membership, rosters
from mailserver.background.housekeeping.archive_sizes import ArchiveSizes
from mailserver.delivery.lists.member_keys import MemberKeys
from mailserver.model.clock import DAY
from mailserver.model.errors import Refused
from mailserver.model.identity import Archive
from mailserver.model.messages.provenance import UNKNOWN
from mailserver.model.rules import PRESETS
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import collect
from mailserver.store.mail.deleted import expiry
from mailserver.store.mail.posts import archived_posts
from mailserver.store.mail.proportion import Terms
from mailserver.store.people import removals
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.schema.mail.messages import content, message
from mailserver.store.schema.people.rosters import archived_post
from mailserver.store.upkeep import erasure
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from tests.lists.house import (
    AMIE,
    ORIGIN,
    UAI,
    arrive,
    at,
    both_engines,
    change,
    letter,
    make_list,
    moderation,
    send,
    waiting,
)
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.waiting import until

YEAR = 365 * DAY


def keeping(house: House, local: str, members: list[str], archive: Archive = Archive.MEMBERS, **more: object) -> str:
    address = make_list(house, local, members, **more)
    change(house, address, archive=archive)
    return address


def kept(house: House, address: str) -> list[archive_pages.Line]:
    return house.read(archive_pages.newest, ArchiveView(address), 100)


def opened(house: House, login: str, address: str) -> archive_readers.OpenArchive | None:
    return house.read(archive_readers.opened, rosters.ListSettings.of(house.settings), house.people[login], address)


@both_engines
def test_what_members_got_is_kept_by_the_copy_that_they_have_and_says_where_it_is_found_again(house: House) -> None:
    address = keeping(house, "chorale", [at("tom"), at("lea")], owners=(at("ines"),))
    assert not send(house, "tom", address, subject="Concert")
    (line,) = kept(house, address)
    assert (line.subject, line.author) == ("Concert", "tom"), "a name, or what is before the sign; never an address"
    got = message_from_bytes(house.mail("lea")[0])
    page = f"{house.settings.public_url}/archives/{address}"
    assert got["List-Archive"] == f"<{page}>"
    name = got["Archived-At"].strip("<>").removeprefix(f"{page}/")
    assert house.read(archive_pages.number_of, ArchiveView(address), name) == line.id
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
        return house.read(archive_readers.opened_outside, rosters.ListSettings.of(house.settings), number) is not None

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


@both_engines
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


@both_engines
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
    late = archived_posts.Archived(address, "late", house.people["tom"].account_id, Archive.MEMBERS)
    house.store.write_now(archived_posts.keep, line.content_id, late, UNKNOWN)
    if way == "made":
        keeping(house, "chorale", [at("max")])
    else:
        house.store.write_now(removals.rename_list, keeping(house, "choeur", [at("max")]), address)
    assert kept(house, address) == []


@both_engines
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
        while house.store.write_now(expiry.erase, person.account_id):
            pass
    sweep(house)
    assert stored(house, two.content_id), "the archive alone holds it"
    assert not stored(house, one.content_id), "nobody does"
    assert house.read(archive_pages.octets, ArchiveView(address), two.id, house.store.blobs).endswith(b"Texte\r\n")
    assert house.store.write_now(archived_posts.prune, now + DAY) == 1
    sweep(house)
    assert not stored(house, two.content_id)


@both_engines
def test_what_was_taken_back_for_good_goes_beside_what_is_old(house: House) -> None:
    """Something is old at any moment of a busy academy."""
    address = keeping(house, "chorale", [at("lea")])
    for subject in ("Un", "Deux"):
        assert not send(house, "tom", address, subject=subject)
    two, one = kept(house, address)
    house.store.write_now(set_post, one.id, "internal_date", 1)
    house.store.write_now(set_post, two.id, "withdrawal_id", 99)
    assert house.store.write_now(archived_posts.prune, 2) == 1, "of each kind"
    assert house.read(posts) == 0


def set_post(tx: Tx, number: int, column: str, value: int) -> None:
    tx.execute(update(archived_post).where(archived_post.c.id == number).values({column: value}))


def posts(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(archived_post)).scalar_one())


@both_engines
def test_an_archive_holds_so_many_octets_and_the_oldest_go(house: House) -> None:
    address, other = keeping(house, "chorale", [at("lea")]), keeping(house, "choeur", [at("lea")])
    for subject in ("Un", "Deux", "Trois"):
        assert not send(house, "tom", address, subject=subject)
    assert not send(house, "tom", other, subject="Autre")
    sizes = dict(map(tuple, house.read(lambda tx: list(tx.execute(select(content.c.subject, content.c.size))))))
    assert house.read(archived_posts.octets, address) == sum(sizes[name] for name in ("Un", "Deux", "Trois"))

    def keep(most: int) -> int:
        lists_of = house.settings.lists.model_copy(update={"archive_size": most})
        settings = house.settings.model_copy(update={"lists": lists_of})
        keeper = ArchiveSizes(settings=settings, store=house.store, clock=house.store.clock)
        return house.run(keeper.keep())

    assert keep(sum(sizes.values())) == 0
    assert keep(sizes["Deux"] + sizes["Trois"]) == 1
    assert [line.subject for line in kept(house, address)] == ["Trois", "Deux"]
    assert [line.subject for line in kept(house, other)] == ["Autre"]
    assert keep(1) == 2
    assert kept(house, address) == []


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
        return len(house.read(archive_pages.search, ArchiveView(address), words, house.store.blobs))

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


def subjects(house: House, login: str, address: str) -> list[str] | None:
    """What somebody is shown; None: there is no archive for them."""
    found = opened(house, login, address)
    return None if found is None else [one.subject for one in house.read(archive_pages.newest, found.view, 100)]


@both_engines
def test_rules_between_populations_bind_readers_as_they_bind_who_gets_it(house: House) -> None:
    address = keeping(house, "chorale", [at("tom"), at("ines"), AMIE], owners=(at("paul"),))
    assert not send(house, "ines", address, subject="De la maison")
    assert not send(house, "tom", address, subject="D’un élève")
    assert not arrive(house, "x@ailleurs.fr", address, subject="De dehors")
    number = house.read(lambda tx: outside_members.ids(tx, address, [AMIE]))[AMIE]

    def outside() -> list[str]:
        found = house.read(archive_readers.opened_outside, rosters.ListSettings.of(house.settings), number)
        assert found is not None
        return [one.subject for one in house.read(archive_pages.newest, found.view, 100)]

    everything = ["De dehors", "D’un élève", "De la maison"]
    assert subjects(house, "tom", address) == everything
    assert outside() == everything
    house.store.write_now(rules.set_table, ORIGIN, "pupils-supervised", PRESETS["pupils-supervised"])
    try:
        assert subjects(house, "tom", address) == ["D’un élève", "De la maison"], "their own, and no stranger's"
        assert subjects(house, "ines", address) == everything
        assert outside() == ["De dehors", "De la maison"]
        assert subjects(house, "paul", address) == everything, "who may take something out sees what is there"
        tom = opened(house, "tom", address)
        assert tom is not None
        (strange, *_) = kept(house, address)
        assert house.read(archive_pages.search, tom.view, "dehors", house.store.blobs) == []
        for asked in (archive_pages.post, archive_pages.octets):
            with pytest.raises(Refused):
                house.read(asked, tom.view, strange.id, *([house.store.blobs] if asked is archive_pages.octets else []))
        assert house.read(archive_pages.count, tom.view) == len(house.read(archive_pages.dates, tom.view)) == 2
        assert strange.id not in [one.id for one in house.read(archive_pages.thread, tom.view, strange.thread)]
    finally:
        house.store.write_now(rules.set_table, ORIGIN, "", ())


@both_engines
def test_members_outside_are_not_shown_what_stayed_in_the_academy_before_they_came(house: House) -> None:
    """Its author was not asked what it gives away. What came from outside is no secret of the academy's."""
    address = keeping(house, "chorale", [at("tom")])
    assert not send(house, "tom", address, subject="Entre nous")
    assert not arrive(house, "x@ailleurs.fr", address, subject="De dehors")
    house.store.write_now(lists.add_members, address, [AMIE])
    assert not send(house, "tom", address, subject="Avec elle")
    number = house.read(lambda tx: outside_members.ids(tx, address, [AMIE]))[AMIE]
    found = house.read(archive_readers.opened_outside, rosters.ListSettings.of(house.settings), number)
    assert found is not None
    assert [one.subject for one in house.read(archive_pages.newest, found.view, 100)] == ["Avec elle", "De dehors"]
    assert house.read(archive_pages.count, found.view) == 2
    (*_, hidden) = kept(house, address)
    with pytest.raises(Refused):
        house.read(archive_pages.post, found.view, hidden.id)
    assert subjects(house, "tom", address) == ["Avec elle", "De dehors", "Entre nous"]


@both_engines
def test_who_is_not_in_the_list_sees_what_those_wrote_whom_the_directory_shows(house: House) -> None:
    address = keeping(house, "chorale", [at("tom"), at("paul")], Archive.ACADEMY)
    assert not send(house, "tom", address, subject="D’un élève")
    assert not send(house, "paul", address, subject="D’un adulte")
    assert subjects(house, "max", address) == ["D’un adulte"]
    assert subjects(house, "ines", address) == ["D’un adulte", "D’un élève"], "she teaches at his school"
    assert subjects(house, "tom", address) == ["D’un adulte", "D’un élève"]
    house.store.write_now(lists.add_members, address, [at("max")])
    assert subjects(house, "max", address) == ["D’un adulte", "D’un élève"], "who is in it gets them by mail"


def opened_at(house: House, address: str) -> int:
    entry = house.read(lists.get, address)
    assert entry is not None
    return entry.archive_opened


@both_engines
def test_opening_an_archive_opens_what_comes_and_older_messages_only_if_said(house: House) -> None:
    address = keeping(house, "chorale", [at("tom"), at("paul")], Archive.OWNERS, owners=(at("rose"),))
    assert not send(house, "paul", address, subject="Pour ses propriétaires")
    change(house, address, archive=Archive.MEMBERS)
    assert not send(house, "paul", address, subject="Pour ses membres")
    assert subjects(house, "tom", address) == ["Pour ses membres"]
    change(house, address, archive=Archive.ACADEMY)
    assert not send(house, "paul", address, subject="Pour tous")
    assert subjects(house, "tom", address) == ["Pour tous", "Pour ses membres"]
    assert subjects(house, "max", address) == ["Pour tous"]
    assert subjects(house, "rose", address) == ["Pour tous", "Pour ses membres", "Pour ses propriétaires"]
    assert house.read(archived_posts.by_readers, address) == {"owners": 1, "members": 1, "academy": 1}
    change(house, address, older=True)
    assert len(subjects(house, "max", address) or ()) == 3
    (event,) = house.read(audit.find, Wanted(action=Action.LIST_CHANGED), 1)
    assert event.detail.name == "list-archive-opened"
    assert event.detail.values["count"] == 2
    received = house.read(membership.received_by, rosters.ListSettings.of(house.settings), house.people["tom"])
    assert [one.archive_older for one in received if one.address == address] == [2]
    change(house, address, archive=Archive.MEMBERS)
    assert subjects(house, "max", address) is None, "what is closed is closed at once"
    assert opened_at(house, address) > 0, "but the older ones stay open to members: who wrote them is told"
    change(house, address, archive=Archive.OWNERS)
    assert opened_at(house, address) == 0, "and nobody is told that it was opened"
