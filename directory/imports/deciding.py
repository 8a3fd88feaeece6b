"""The rules of an import: who a record is about, what it changes, what names it needs. Pure, over a `View`.

Records are decided as if one came after the other, whatever the size of the batch: a batch is cut into waves in
which no record depends on another, and the view absorbs a wave before the next one is looked at.
"""

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Protocol

from directory.imports.recognition import identities
from directory.imports.sources.records import PersonRecord
from directory.imports.target import LEFT, Answers, Candidate, Keys, Outcome
from directory.issuing import bulk_issuing, identifiers
from directory.issuing.bulk_issuing import Hints, Names, Wish
from directory.issuing.issuing import Issued
from mailserver.model.errors import Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import Affiliation, Role, State, Tie
from mailserver.store.account.accounts import Marks, kept_reason, read_reason
from mailserver.store.people.bulk_people import Known, Like
from mailserver.texts import causes
from mailserver.texts.causes import Cause

_ORDER = {tie: tie.value for tie in Tie}
ALIKE = "described-twice"
"""Why a line is refused that describes several people."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the whole run."""

    source: str
    domain: str
    full: bool = False
    close_at: int = 0
    """When leavers are closed."""
    labels: bool = True
    """The directory keeps a label with each affiliation; otherwise only the vocabulary has labels."""
    zone: tzinfo = UTC
    """Of the days that are told."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one record."""

    candidate: Candidate
    outcome: Outcome
    before: Known | None = None
    """None: somebody new. Without an entry: an arrival that was taken back, or interrupted, and comes again."""
    after: Known | None = None
    changed: tuple[str, ...] = ()
    """Fields of `Known` that `after` has otherwise."""
    reason: Cause | None = None
    activates: bool = False


class View(Protocol):
    """The directory as the decisions so far have made it."""

    @property
    def names(self) -> Names:
        """What was ever issued."""

    def look(self, keys: Keys) -> Answers:
        """Who is who."""

    def named_already(self, account_id: int) -> bool:
        """True when a record before was about this account."""

    def absorb(self, steps: Sequence[Step]) -> list[Step]:
        """Do it, or pretend to; the same steps, those of new people with their account."""


def decide(view: View, terms: Terms, candidates: Sequence[Candidate], hints: Hints) -> tuple[list[Step], Hints]:
    """Decide about a batch and have the view absorb it; what was learned of numbers goes to
    `bulk_issuing.keep_hints` when it is committed."""
    steps: list[Step] = []
    learned: Hints = {}
    while len(steps) < len(candidates):
        wave = _independent(candidates[len(steps) :])
        answers = view.look(_keys(terms.source, wave))
        drafts = _drafts(view, terms, wave, answers)
        named, new = _named(view, terms, drafts, ChainMap(learned, hints))
        learned.update(new)
        steps += view.absorb(named)
    return steps, learned


def _independent(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """The records before the first one that says it is about the same person as one before it."""
    seen: set[str] = set()
    for number, candidate in enumerate(candidates):
        mine = identities(candidate)
        if not seen.isdisjoint(mine):
            return candidates[:number]
        seen.update(mine)
    return candidates


def _keys(source: str, wave: Sequence[Candidate]) -> Keys:
    account_ids, source_keys, logins, names, spelt = set(), set(), set(), set(), set()
    described: dict[str, str] = {}
    ines, numens = set(), set()
    for candidate in wave:
        record = candidate.record
        if candidate.account_id:
            account_ids.add(candidate.account_id)
            continue
        if candidate.place >= 0:
            whole = f"{record.given_name} {record.surname}"
            names.add(search_key(whole))
            spelt.add(whole)
        if record.source_key:
            source_keys.add(record.source_key)
            if candidate.marks.birth_date and record.given_name and record.surname:
                whole = f"{record.given_name} {record.surname}"
                described[search_key(whole)] = whole
        if candidate.marks.ine:
            ines.add(candidate.marks.ine)
        if candidate.marks.numen:
            numens.add(candidate.marks.numen)
        if record.login:
            logins.add(fold_login(record.login))
    return Keys(source, account_ids, source_keys, ines, numens, logins, names, described, spelt)


# ---------------------------------------------------------------------- who


def find(candidate: Candidate, answers: Answers) -> Known | Cause | None:
    """The person a record is about; None: somebody new; a cause: why nobody can say."""
    record, marks = candidate.record, candidate.marks
    if candidate.account_id:
        return answers.by_id.get(candidate.account_id) or Cause("account-gone")
    if candidate.place >= 0:
        alike = answers.by_like.get(like(candidate), ())
        return answers.by_id.get(alike[candidate.place]) if candidate.place < len(alike) else None
    by_key = answers.by_source_key.get(record.source_key) if record.source_key else None
    by_ine = answers.by_ine.get(marks.ine) if marks.ine else None
    by_numen = answers.by_numen.get(marks.numen) if marks.numen else None
    if by_ine is not None and by_numen is not None and by_ine.account_id != by_numen.account_id:
        return Cause("two-people")
    marked = by_ine or by_numen
    if by_key is not None and marked is not None and by_key.account_id != marked.account_id:
        return Cause("ine-of-another" if by_ine else "numen-of-another", login=by_key.login)
    found = by_key or marked
    if found is not None and not candidate.confirmed and _is_another(candidate, found):
        return Cause("mark-of-another", login=found.login, name=f"{found.given_name} {found.surname}")
    if found is None and record.login:
        found = answers.by_login.get(fold_login(record.login))
        for name, one, other in (
            ("NUMEN", marks.numen, found.numen if found else None),
            ("INE", marks.ine, found.ine if found else None),
        ):
            if found is not None and one is not None and other is not None and one != other:
                return Cause("other-mark", login=found.login, mark=name)
        if found is not None and not candidate.confirmed and (unlike := _differing(candidate, found)):
            return Cause("login-of-another", login=found.login, name=f"{found.given_name} {found.surname}", what=unlike)
    return found if found is not None else _described(candidate, answers)


def _is_another(candidate: Candidate, known: Known) -> bool:
    """Whether a line has the number of somebody and nothing else of theirs: given name, surname, and birth date.

    People marry, and move. But in a file of which one column was sorted without the others everybody has the number of
    somebody else, and would have inherited a mailbox.
    """
    record, born = candidate.record, candidate.marks.birth_date
    said = [search_key(text or "") for text in (record.given_name, record.surname)]
    held = [search_key(text) for text in (known.given_name, known.surname)]
    if not (all(said) and all(held)) or not set(said).isdisjoint(held):
        return False
    return not (born and known.birth_date and born == known.birth_date)


def _differing(candidate: Candidate, known: Known) -> str:
    """What speaks against the owner of a line's identifier being whom the line is about; empty: nothing does.

    The same birth date speaks for it: then a surname, a school or a role may be another (marriage, a move), but not
    the given name. Without it each of them tells of somebody else, who would have inherited a mailbox.
    """
    record, born = candidate.record, candidate.marks.birth_date
    if candidate.departs or not known.has_entry:
        return "birth_date" if born and known.birth_date and born != known.birth_date else ""
    pairs = {
        "given_name": (search_key(record.given_name or ""), search_key(known.given_name)),
        "role": (record.role.value if record.role else "", known.role),
    }
    if born and known.birth_date:
        pairs["birth_date"] = (born.hex(), known.birth_date.hex())
        if Role.PUPIL.value not in pairs["role"]:
            del pairs["role"]
    else:
        schools = {known.uai, *(tie.uai for tie in known.affiliations)}
        pairs["surname"] = (search_key(record.surname or ""), search_key(known.surname))
        pairs["uai"] = (record.uai or "", known.uai if record.uai not in schools else record.uai or "")
    return ", ".join(name for name, (said, held) in pairs.items() if said and held and said != held)


def _described(candidate: Candidate, answers: Answers) -> Known | Cause | None:
    """Somebody known before their number in the export was: one of this name, birth date and school, and no other.

    People who were loaded from another file first are recognised so, where the files have no INE or NUMEN in common.
    """
    record, marks = candidate.record, candidate.marks
    if not record.source_key or marks.birth_date is None or not (record.given_name and record.surname):
        return None
    wanted = (
        search_key(record.given_name),
        search_key(f"{record.given_name} {record.surname}"),
        marks.birth_date,
        record.uai or "",
    )
    people = (answers.by_id.get(number) for number in answers.by_description.get(wanted, ()))
    found = [
        known
        for known in people
        if known is not None
        and not known.source_key
        and (known.role == Role.PUPIL) is (record.role is Role.PUPIL)
        and all(one is None or other is None or one == other for one, other in _both(marks, known))
    ]
    if len(found) > 1:
        return Cause(ALIKE, logins=", ".join(sorted(known.login for known in found)))
    return found[0] if found else None


def _both(marks: Marks, known: Known) -> tuple[tuple[bytes | None, bytes | None], ...]:
    return (marks.numen, known.numen), (marks.ine, known.ine)


def like(candidate: Candidate) -> Like:
    """What tells people apart of whom nothing else does."""
    record = candidate.record
    return (
        search_key(record.given_name or ""),
        search_key(f"{record.given_name} {record.surname}"),
        candidate.marks.birth_date,
        record.role.value if record.role else "",
        record.uai or "",
    )


# ---------------------------------------------------------------------- what


@dataclass(slots=True)
class _Draft:
    """A step whose names are not issued yet."""

    step: Step
    wish: Wish | None = None


def _drafts(view: View, terms: Terms, wave: Sequence[Candidate], answers: Answers) -> list[_Draft]:
    """Up to the first record that turns out to be about the same person as one before it."""
    drafts: list[_Draft] = []
    touched: set[int] = set()
    for candidate in wave:
        found = find(candidate, answers)
        if isinstance(found, Cause):
            drafts.append(_Draft(_refused(candidate, None, found)))
            continue
        if found is not None:
            if found.account_id in touched:
                break
            touched.add(found.account_id)
        drafts.append(_draft(view, terms, candidate, found))
    return drafts


def _draft(view: View, terms: Terms, candidate: Candidate, known: Known | None) -> _Draft:
    if candidate.departs:
        return _Draft(_departure(terms, candidate, known))
    if known is None or not known.has_entry:
        return _arrival(terms, candidate, known)
    if known.is_closed:
        return _Draft(_refused(candidate, known, Cause("closed", login=known.login)))
    key = candidate.record.source_key
    if (
        key
        and (known.source, known.source_key) != (terms.source, key)
        and known.source == terms.source
        and known.source_key
        and view.named_already(known.account_id)
    ):
        # Two numbers for one person: whichever came last would win, again and again.
        return _Draft(_refused(candidate, known, Cause("numbered-twice", login=known.login, key=known.source_key)))
    return _difference(terms, candidate, known)


def _departure(terms: Terms, candidate: Candidate, known: Known | None) -> Step:
    if known is None or known.is_closed or known.close_at:
        return Step(candidate, Outcome.UNCHANGED, known, known)
    reason = kept_reason(Cause(LEFT, source=terms.source))
    after = known._replace(close_at=terms.close_at, close_reason=reason)
    return Step(candidate, Outcome.LEAVING, known, after, ("close_at", "close_reason"))


def _arrival(terms: Terms, candidate: Candidate, known: Known | None) -> _Draft:
    record, marks = candidate.record, candidate.marks
    held = record.affiliations if terms.labels else tuple([_bare(affiliation) for affiliation in record.affiliations])
    given_name, surname = record.given_name or "", record.surname or ""
    if not (given_name or surname) or record.role is None:
        return _Draft(_refused(candidate, known, Cause("nobody-new")))
    if known is not None and (known.activated or (known.is_closed and known.provisioned)):
        return _Draft(_refused(candidate, known, Cause("closed", login=known.login)))
    recovery = record.recovery_address or ""
    after = Known(
        account_id=known.account_id if known else 0,
        login=known.login if known else "",
        state=State.PENDING.value,
        activated=0,
        provisioned=0,
        numen=marks.numen,
        ine=marks.ine,
        birth_date=marks.birth_date,
        recovery_address=recovery,
        recovery_own=0,
        welcome_due=int(bool(recovery)),
        login_given=known.login_given if known else int(bool(record.login)),
        source=terms.source,
        source_key=record.source_key,
        close_at=0,
        close_reason="",
        has_entry=True,
        given_name=given_name,
        surname=surname,
        role=record.role.value,
        uai=record.uai or "",
        discipline=record.discipline or "",
        title=record.title or "",
        hidden=int(bool(record.hidden)),
        affiliations=held,
    )
    wish = Wish(given_name, surname, record.login or "", known.account_id if known else 0)
    return _Draft(Step(candidate, Outcome.CREATED, known, after, (), None, candidate.has_password), wish)


def _difference(terms: Terms, candidate: Candidate, known: Known) -> _Draft:
    """Cells that say something else than what is known."""
    new = _new_values(candidate, known, terms.labels)
    record = candidate.record
    if record.source_key and (known.source, known.source_key) != (terms.source, record.source_key):
        new |= {"source": terms.source, "source_key": record.source_key}
    elif terms.full and not known.source:
        new["source"] = terms.source
    if known.close_at and read_reason(known.close_reason).name == LEFT:
        new |= {"close_at": 0, "close_reason": ""}
    activates = candidate.has_password and known.awaits
    if not new:
        return _Draft(
            Step(candidate, Outcome.CHANGED if activates else Outcome.UNCHANGED, known, known, (), None, activates)
        )
    if not new.keys().isdisjoint(("given_name", "surname")):
        # What somebody was shown under may be the name that is given up.
        new |= {name: "" for name in ("display_name", "common_names") if getattr(known, name)}
    after = known._replace(**new)
    wish = None
    if not after.given_name and not after.surname:
        return _Draft(_refused(candidate, known, Cause("name-gone", login=known.login)))
    if "given_name" in new or "surname" in new:
        local = identifiers.local_part(after.given_name, after.surname)
        if local != identifiers.local_part(known.given_name, known.surname):
            wish = Wish(after.given_name, after.surname, "", known.account_id)
    return _Draft(Step(candidate, Outcome.CHANGED, known, after, tuple(new), None, activates), wish)


def _new_values(candidate: Candidate, known: Known, labels: bool) -> dict[str, Any]:
    record, marks = candidate.record, candidate.marks
    new: dict[str, Any] = {}
    if record.given_name is not None and record.given_name != known.given_name:
        new["given_name"] = record.given_name
    if record.surname is not None and record.surname != known.surname:
        new["surname"] = record.surname
    # No export that keeps people by number makes or unmakes administrators: that is done by hand.
    by_hand = known.role == Role.ADMIN and record.source_key
    if record.role is not None and record.role.value != known.role and not by_hand:
        new["role"] = record.role.value
    if record.uai is not None and record.uai != known.uai:
        new["uai"] = record.uai
    if record.discipline is not None and record.discipline != known.discipline:
        new["discipline"] = record.discipline
    if record.title is not None and record.title != known.title:
        new["title"] = record.title
    if record.hidden is not None and int(record.hidden) != known.hidden:
        new["hidden"] = int(record.hidden)
    if record.ties:
        held = _ties(record, known, labels)
        if held != known.affiliations:
            new["affiliations"] = held
    if marks.numen is not None and marks.numen != known.numen:
        new["numen"] = marks.numen
    if marks.ine is not None and marks.ine != known.ine:
        new["ine"] = marks.ine
    if marks.birth_date is not None and marks.birth_date != known.birth_date:
        new["birth_date"] = marks.birth_date
    recovery = record.recovery_address
    if recovery is not None and recovery != known.recovery_address and not known.recovery_own:
        new["recovery_address"] = recovery
        due = int(bool(recovery) and known.awaits)
        if due != known.welcome_due:
            new["welcome_due"] = due
    return new


def _bare(one: Affiliation) -> Affiliation:
    return one if not one.label else Affiliation(one.kind, one.code, one.uai)


def _ties(record: PersonRecord, known: Known, with_labels: bool) -> tuple[Affiliation, ...]:
    """What the person is: of the kinds that the record speaks of what it says, of the others what was.

    A label that the record leaves out stays.
    """
    labels = {
        (affiliation.kind, affiliation.uai, affiliation.code): affiliation.label for affiliation in known.affiliations
    }
    kept = [affiliation for affiliation in known.affiliations if affiliation.kind not in record.ties]
    for affiliation in record.affiliations:
        label = (
            (affiliation.label or labels.get((affiliation.kind, affiliation.uai, affiliation.code), ""))
            if with_labels
            else ""
        )
        kept.append(affiliation if label == affiliation.label else replace(affiliation, label=label))
    return tuple(sorted(kept, key=lambda one: (_ORDER[one.kind], one.uai, one.code)))


def _refused(candidate: Candidate, known: Known | None, reason: Cause) -> Step:
    return Step(candidate, Outcome.REFUSED, known, known, (), reason)


# ---------------------------------------------------------------------- names


def _named(view: View, terms: Terms, drafts: list[_Draft], hints: ChainMap[str, int]) -> tuple[list[Step], Hints]:
    """The steps with the names they need, up to the first one that wants a name just issued to another."""
    wishes = [draft.wish for draft in drafts if draft.wish is not None]
    if not wishes:
        return [draft.step for draft in drafts], {}
    issued, learned = bulk_issuing.issue_many(view.names, terms.domain, wishes, hints)
    logins: set[str] = set()
    steps: list[Step] = []
    answers = iter(issued)
    for number, draft in enumerate(drafts):
        answer = next(answers) if draft.wish is not None else None
        if isinstance(answer, Refused) and number and fold_login(draft.step.candidate.record.login or "") in logins:
            return _named(view, terms, drafts[:number], hints)
        if isinstance(answer, Issued):
            logins.add(answer.login)
        steps.append(_with_names(terms, draft.step, answer))
    return steps, learned


def _with_names(terms: Terms, step: Step, answer: Issued | Refused | None) -> Step:
    after, before = step.after, step.before
    if answer is None or after is None:
        return step
    if isinstance(answer, Refused):
        return _refused(step.candidate, before, causes.of(answer))
    if before is None:
        named = after._replace(login=answer.login, address=answer.address, aliases=" ".join(answer.aliases))
        return replace(step, after=named)
    if not before.has_entry:
        alias = f"{before.login}@{terms.domain}"
        return replace(
            step, after=after._replace(address=answer.address, aliases="" if alias == answer.address else alias)
        )
    aliases = [alias for alias in (before.address, *before.aliases.split()) if alias != answer.address]
    named = after._replace(address=answer.address, aliases=" ".join(dict.fromkeys(aliases)))
    return replace(step, after=named, changed=(*step.changed, "address", "aliases"))
