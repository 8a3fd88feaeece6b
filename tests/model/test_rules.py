"""Decisions, fact by fact: the table of populations, the brake, lists' policies, the sentences."""

import pytest

from mailserver.model.errors import Reason
from mailserver.model.identity import Policy, Population, Writers
from mailserver.model.rules import (
    PRESETS,
    Brake,
    Braked,
    Denied,
    Passage,
    Rules,
    Sender,
    Way,
    check,
    check_brake,
    passage,
    sentences,
)

PUPIL, TEACHER, STAFF, OUTSIDE = Population
NOW = 1000.0
SUPERVISED = Rules(PRESETS["pupils-supervised"])


def sender(population: Population, account_id: int = 1) -> Sender:
    return Sender(population, 0 if population is OUTSIDE else account_id, claimed="x@y.fr")


@pytest.mark.parametrize("one", Population)
@pytest.mark.parametrize("other", Population)
def test_what_no_rule_forbids_is_allowed(one: Population, other: Population) -> None:
    check(Rules(), sender(one), other, 2, NOW)


@pytest.mark.parametrize("one", Population)
@pytest.mark.parametrize("other", Population)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_in_every_cell(name: str, one: Population, other: Population) -> None:
    rules = Rules(PRESETS[name])
    if (one, other) in PRESETS[name]:
        with pytest.raises(Denied) as refused:
            check(rules, sender(one), other, 2, NOW)
        assert refused.value.reason is Reason.FORBIDDEN
    else:
        check(rules, sender(one), other, 2, NOW)


def test_presets_are_what_their_names_say() -> None:
    assert PRESETS["open"] == frozenset()
    assert not Rules(PRESETS["pupils-inside"]).allows(PUPIL, OUTSIDE)
    assert not Rules(PRESETS["pupils-inside"]).allows(OUTSIDE, PUPIL)
    assert Rules(PRESETS["pupils-inside"]).allows(PUPIL, PUPIL)
    assert not SUPERVISED.allows(PUPIL, PUPIL)
    assert SUPERVISED.allows(TEACHER, PUPIL)
    assert not Rules(PRESETS["inside"]).allows(TEACHER, OUTSIDE)


def test_nobody_is_kept_from_writing_to_themselves() -> None:
    check(SUPERVISED, sender(PUPIL, 7), PUPIL, 7, NOW)
    with pytest.raises(Denied):
        check(SUPERVISED, sender(PUPIL, 7), PUPIL, 8, NOW)
    with pytest.raises(Denied):  # account 0 is nobody, not oneself
        check(SUPERVISED, sender(OUTSIDE), PUPIL, 0, NOW)


def test_reports_reach_whoever_may_write_outside() -> None:
    report = Sender.outside("")
    only_incoming = Rules(frozenset({(OUTSIDE, PUPIL)}))
    check(only_incoming, report, PUPIL, 1, NOW)
    with pytest.raises(Denied):
        check(only_incoming, Sender.outside("x@y.fr"), PUPIL, 1, NOW)
    with pytest.raises(Denied):  # nothing of theirs can come back: this is no answer
        check(SUPERVISED, report, PUPIL, 1, NOW)


@pytest.mark.parametrize(("until", "on"), [(0, True), (1001, True), (1000, False), (999, False)])
def test_the_brake_ends_by_itself(until: int, on: bool) -> None:
    rules = Rules(brakes={PUPIL: Brake(PUPIL, 0, until, "admin", "")})
    assert rules.braked(PUPIL, NOW) is on
    if on:
        with pytest.raises(Denied):
            check(rules, sender(PUPIL, 7), PUPIL, 7, NOW)  # not even to oneself
    check(rules, sender(TEACHER), PUPIL, 7, NOW)


def test_mail_from_outside_waits_where_it_is() -> None:
    rules = Rules(brakes={OUTSIDE: Brake(OUTSIDE, 0, 0, "admin", "")})
    with pytest.raises(Braked):
        check_brake(rules, Sender.outside("x@y.fr"), NOW)


OWNER = Sender(TEACHER, 1, frozenset({"owner@a.fr"}))
NAMED = Sender(PUPIL, 2, frozenset({"named@a.fr"}))
POLICY = Policy(named=frozenset({"named@a.fr", "friend@b.fr", "outer@a.fr"}))


@pytest.mark.parametrize("moderated", [False, True])
@pytest.mark.parametrize(
    ("writers", "who", "is_member", "may"),
    [
        (Writers.ANYONE, Sender.outside("x@y.fr"), False, True),
        (Writers.HOUSE, Sender.outside("x@y.fr"), True, False),
        (Writers.HOUSE, sender(PUPIL), False, True),
        (Writers.PERSONNEL, sender(PUPIL), True, False),
        (Writers.PERSONNEL, sender(TEACHER), False, True),
        (Writers.PERSONNEL, sender(STAFF), False, True),
        (Writers.PERSONNEL, Sender.outside("x@y.fr"), False, False),
        (Writers.STAFF, sender(TEACHER), True, False),
        (Writers.STAFF, sender(STAFF), False, True),
        (Writers.MEMBERS, sender(STAFF), False, False),
        (Writers.MEMBERS, sender(PUPIL), True, True),
        (Writers.OWNERS, sender(STAFF), True, False),
    ],
)
def test_who_may_write_to_a_list(writers: Writers, who: Sender, is_member: bool, may: bool, moderated: bool) -> None:
    policy = Policy(writers, POLICY.named, moderated)
    asked = Passage(policy, ("owner@a.fr",), is_member)
    assert passage(asked, who) is ((Way.HELD if moderated else Way.OPEN) if may else Way.CLOSED)
    for trusted in (None, OWNER, NAMED):
        assert passage(asked, trusted) is Way.OPEN
    assert passage(Passage(policy, (), False, via="outer@a.fr"), who) is Way.OPEN


@pytest.mark.parametrize("writers", Writers)
def test_a_named_writer_from_outside_has_proven_nothing(writers: Writers) -> None:
    """What only claims the address waits for the owners, where nobody outside may write."""
    policy = Policy(writers, POLICY.named)
    claimed = Sender.outside("friend@b.fr")
    assert passage(Passage(policy, (), False), claimed) is (Way.OPEN if writers is Writers.ANYONE else Way.HELD)


def test_an_owner_from_outside_has_proven_nothing() -> None:
    asked = Passage(Policy(Writers.OWNERS), ("owner@a.fr",), False)
    assert passage(asked, Sender.outside("owner@a.fr")) is Way.CLOSED


def test_sentences_are_whole_in_both_languages() -> None:
    for one in Population:
        for other in Population:
            denied = sentences.may_not_write(one, other).about("x@y.fr")
            assert denied.said.to("fr").startswith("x@y.fr : ")
            assert denied.said.to("en").startswith("x@y.fr: ")
            assert denied.said.to("fr").endswith(".")
            assert len(denied.text) < 380
        assert sentences.may_not_send(one).text.count(" / ") == 1
    assert {sentences.not_a_writer(writer).said.to("fr") for writer in Writers}.__len__() == len(Writers)
