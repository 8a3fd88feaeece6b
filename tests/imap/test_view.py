"""What one client believes: numbers, ghosts, news, \\Recent."""

import time
from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.session.snapshot import Snapshot, advance, compare, pack, reflag
from imap.session.view import NOTHING, View, cut
from imap.wire.flags import DELETED, FLAGGED, RECENT, SEEN, FlagNames
from imap.wire.sets import SequenceSet
from mailserver.model.errors import BadSyntax
from mailserver.store.mail.flags import census


def snapshot(*uids: int, modseq: int = 1, flags: int = 0) -> Snapshot:
    columns = pack([(uid, flags, modseq) for uid in uids])
    uidnext = (uids[-1] if uids else 0) + 1
    return Snapshot(1, 7, uidnext, modseq, 1, FlagNames(), *columns)


def later(
    old: Snapshot,
    rows: list[tuple[int, int, int]] | None = None,
    gone: tuple[int, ...] = (),
    keywords: tuple[str, ...] = (),
) -> Snapshot:
    rows = rows or []
    return advance(
        old,
        rows,
        gone,
        uidnext=max([old.uidnext, *(row[0] + 1 for row in rows)]),
        modseq=old.modseq + 1,
        recent=old.recent,
        keywords=keywords,
    )


def test_nothing_new_is_no_news() -> None:
    one = snapshot(1, 2, 3)
    assert View(one).renew(one, expunge=True) == NOTHING
    assert not NOTHING


def test_new_messages_are_told_with_their_count() -> None:
    one = snapshot(1, 2)
    view = View(one)
    news = view.renew(later(one, [(5, 0, 2), (6, 0, 2)]), expunge=False)
    assert (news.exists, news.recent, list(news.expunged), list(news.flags)) == (4, 0, [], [])
    assert list(view.uids) == [1, 2, 5, 6]


def test_expunge_waits_until_it_may_be_said() -> None:
    """RFC 3501 section 7.4.1: the lost message keeps its number, and so do those behind it."""
    one = snapshot(1, 2, 3)
    view = View(one)
    two = later(one, gone=(2,))
    assert view.renew(two, expunge=False) == NOTHING
    assert len(view) == 3
    assert view.number(3) == 3
    assert view.has_ghosts([(1, 2)])
    assert not view.has_ghosts([(0, 1), (2, 3)])
    assert list(view.uids_of([(0, 3)])) == [1, 3]
    news = view.renew(two, expunge=True)
    assert (list(news.expunged), list(news.vanished), news.exists) == ([2], [2], None)
    assert view.number(3) == 2


def test_expunges_are_numbered_from_the_last() -> None:
    one = snapshot(*range(1, 11))
    view = View(one)
    news = view.renew(later(one, gone=(3, 4, 10)), expunge=True)
    assert list(news.expunged) == [10, 4, 3]
    assert list(view.uids) == [1, 2, 5, 6, 7, 8, 9]


def test_exists_counts_ghosts_until_they_are_told() -> None:
    one = snapshot(1, 2, 3)
    view = View(one)
    two = later(one, [(4, 0, 2)], gone=(1,))
    assert view.renew(two, expunge=False).exists == 4
    assert view.number(4) == 4
    three = later(two, [(5, 0, 3)])
    news = view.renew(three, expunge=True)
    assert (list(news.expunged), news.exists) == ([1], 4)
    assert list(view.uids) == [2, 3, 4, 5]


def test_flags_of_others_are_told_with_the_number_the_client_knows() -> None:
    one = snapshot(1, 2, 3)
    view = View(one)
    two = later(one, [(3, FLAGGED, 2)], gone=(1,))
    news = view.renew(two, expunge=False)
    assert list(news.flags) == [(3, 3, FLAGGED, 2)]
    news = view.renew(later(two, [(3, SEEN, 3)]), expunge=True)
    assert (list(news.expunged), list(news.flags)) == ([1], [(2, 3, SEEN, 3)])


def test_a_change_that_was_answered_is_not_told_again() -> None:
    one = snapshot(1, 2)
    view = View(one)
    two = later(one, [(1, SEEN, 2)])
    view.answered(2)
    assert view.renew(two, expunge=False) == NOTHING
    three = later(two, [(1, SEEN | FLAGGED, 3)])
    assert [told[2] for told in view.renew(three, expunge=False).flags] == [SEEN | FLAGGED]


def test_an_old_answer_does_not_hide_a_later_change() -> None:
    one = snapshot(1)
    view = View(one)
    view.answered(2)
    assert list(view.renew(later(one, [(1, SEEN, 3)]), expunge=False).flags) == [(1, 1, SEEN, 3)]


def test_flags_that_came_back_are_news_only_to_who_follows_mod_sequences() -> None:
    one = snapshot(1, 2)
    two = later(later(one, [(1, SEEN, 2)]), [(1, 0, 3)])
    assert View(one).renew(two, expunge=False) == NOTHING
    assert list(View(one).renew(two, expunge=False, modseqs=True).flags) == [(1, 1, 0, 3)]


def test_new_keywords_are_told_before_their_use() -> None:
    one = snapshot(1)
    view = View(one)
    news = view.renew(later(one, [(1, 32, 2)], keywords=("$Forwarded",)), expunge=False)
    assert news.names is not None
    assert news.names.keywords == ("$Forwarded",)


def test_recent_messages_are_marked_and_counted() -> None:
    one = snapshot(1, 2, 3)
    view = View(one, (2, 4))
    assert view.recent_count() == 2
    assert [view.mask(uid, 0) for uid in (1, 2, 3)] == [0, RECENT, RECENT]
    assert list(view.lot([(0, 3)]).flags) == [0, RECENT, RECENT]
    view.claim((4, 5))
    news = view.renew(later(one, [(4, SEEN, 2)]), expunge=False)
    assert (news.exists, news.recent) == (4, 3)
    assert list(one.flags) == [0, 0, 0], "the snapshot belongs to other sessions too"


def test_recent_count_follows_expunges() -> None:
    one = snapshot(1, 2)
    view = View(one, (1, 3))
    news = view.renew(later(one, gone=(1,)), expunge=True)
    assert news.recent == 1


def test_a_number_beyond_the_mailbox_is_the_clients_mistake() -> None:
    view = View(snapshot(1, 2))
    with pytest.raises(BadSyntax):
        view.select(SequenceSet(((1, 3),)), by_uid=False)
    assert view.select(SequenceSet(((1, 300),)), by_uid=True) == [(0, 2)]
    with pytest.raises(BadSyntax):
        View(snapshot()).select(SequenceSet(((1, 0),)), by_uid=False)


def test_star_is_the_last_message_even_when_the_range_starts_behind_it() -> None:
    """RFC 3501 section 6.4.8: UID 559:* always includes the last message."""
    view = View(snapshot(4, 9))
    assert list(view.uids_of(view.select(SequenceSet(((559, 0),)), by_uid=True))) == [9]


def test_a_lot_leaves_ghosts_out() -> None:
    one = snapshot(1, 2, 3)
    view = View(one)
    view.renew(later(one, [(3, DELETED, 2)], gone=(2,)), expunge=False)
    lot = view.lot([(0, 3)])
    assert (list(lot.numbers), list(lot.uids), list(lot.flags)) == ([1, 3], [1, 3], [0, DELETED])


def test_a_lot_of_scattered_messages_is_one_lot() -> None:
    view = View(snapshot(*range(10, 40)), (25, 28))
    lot = view.lot([(0, 2), (15, 17), (29, 30)])
    assert (list(lot.numbers), list(lot.uids)) == ([1, 2, 16, 17, 30], [10, 11, 25, 26, 39])
    assert [bool(mask & RECENT) for mask in lot.flags] == [False, False, True, True, False]


def test_ranges_are_cut_into_groups_of_a_size() -> None:
    assert list(cut([(0, 5), (7, 8), (9, 14)], 4)) == [[(0, 4)], [(4, 5), (7, 8), (9, 11)], [(11, 14)]]
    assert list(cut([], 4)) == []


def test_ghosts_are_found_among_many_ranges_without_looking_at_each() -> None:
    one = snapshot(*range(1, 20_001))
    view = View(one)
    view.renew(later(one, gone=tuple(range(2, 20_001, 2))), expunge=False)
    odd, even = ([(place, place + 1) for place in range(first, 20_000, 2)] for first in (0, 1))
    start = time.process_time()
    assert not view.has_ghosts(odd)
    assert view.has_ghosts(even)
    assert time.process_time() - start < 2


def test_changes_since_the_highest_mod_sequence_are_none() -> None:
    one = snapshot(1, 2, 3)
    view = View(later(one, [(2, SEEN, 2)]))
    assert list(view.changed([(0, 3)], 1)) == [(1, 2)]
    assert list(view.changed([(0, 3)], 2)) == []


def test_large_differences_are_found_in_every_block() -> None:
    one = snapshot(*range(1, 5001))
    touched = [1, 512, 513, 1024, 2000, 5000]
    two = later(one, [(uid, SEEN, 2) for uid in touched])
    assert [place + 1 for place in compare(one, two).changed] == touched
    assert list(one.flags) == [0] * 5000


runs = st.lists(
    st.tuples(st.sampled_from([0, SEEN, FLAGGED, SEEN | FLAGGED]), st.sampled_from([1, 3, 500, 512, 700])), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(runs, st.tuples(st.integers(0, 3000), st.integers(0, 3000)), st.sampled_from([SEEN, FLAGGED]), st.booleans())
def test_long_runs_of_equal_flags_change_like_single_messages(
    lengths: list[tuple[int, int]], ends: tuple[int, int], mask: int, adds: bool
) -> None:
    flags = [mask for mask, length in lengths for _ in range(length)]
    old = Snapshot(1, 7, len(flags) + 1, 5, 1, FlagNames(), *pack([(uid, one, 5) for uid, one in enumerate(flags, 1)]))
    low, high = min(*ends, len(flags)), min(max(ends), len(flags))

    def after(one: int) -> int:
        return one | mask if adds else one & ~mask

    new = reflag(old, [(low, high)], after, 6)
    expected = flags[:low] + [after(flag) for flag in flags[low:high]] + flags[high:]
    assert list(new.flags) == expected
    changed = [place for place, one in enumerate(flags) if expected[place] != one]
    assert [place for place, modseq in enumerate(new.modseqs) if modseq == 6] == changed
    assert compare(old, new).changed == changed
    assert compare(old, new, {6}).changed == []
    assert census(new.flags) == {one: expected.count(one) for one in set(expected)}


def test_advance_overwrites_a_run_and_single_messages_alike() -> None:
    one = snapshot(1, 3, 5, 7)
    run = later(one, [(3, SEEN, 2), (5, SEEN, 2)])
    assert list(run.flags) == [0, SEEN, SEEN, 0]
    sparse = later(one, [(1, SEEN, 2), (7, SEEN, 2), (9, 0, 2)])
    assert (list(sparse.uids), list(sparse.flags)) == ([1, 3, 5, 7, 9], [SEEN, 0, 0, SEEN, 0])
    stale = later(one, [(4, SEEN, 2)])
    assert list(stale.uids) == [1, 3, 5, 7]
    assert replace(one, recent=9).uids is one.uids
    assert one.uids.typecode == array("I").typecode


# ---------------------------------------------------------------------- a client that follows the rules

Event = tuple[str, int, bool]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("append", "expunge", "flag", "sync")), st.integers(0, 30), st.booleans()),
        max_size=40,
    )
)
def test_a_client_that_applies_the_news_agrees_with_the_mailbox(events: list[Event]) -> None:
    """Whatever happens between two syncs, numbers and flags come out the same."""
    now = snapshot(1, 2, 3)
    view = View(now)
    client = [[1, 0], [2, 0], [3, 0]]
    for what, choice, expunge in [*events, ("sync", 0, True)]:
        uids = now.uids
        if what == "append":
            now = later(now, [(now.uidnext, 0, now.modseq + 1)])
        elif what == "expunge" and uids:
            now = later(now, gone=(uids[choice % len(uids)],))
        elif what == "flag" and uids:
            now = later(now, [(uids[choice % len(uids)], choice, now.modseq + 1)])
        elif what == "sync":
            news = view.renew(now, expunge=expunge)
            for number in news.expunged:
                del client[number - 1]
            if news.exists is not None:
                assert news.exists >= len(client), "EXISTS never lowers the count"
                client += [[0, 0] for _ in range(news.exists - len(client))]
            for number, uid, mask, _ in news.flags:
                client[number - 1] = [uid, mask]
            for place, uid in enumerate(view.uids):
                if client[place][0] == 0:
                    client[place] = [uid, now.flags[now.index(uid) or 0]]
            assert [entry[0] for entry in client] == list(view.uids)
    assert [entry[0] for entry in client] == list(now.uids)
    assert [entry[1] for entry in client] == list(now.flags)
