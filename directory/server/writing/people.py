"""People with an account: attributes into what enrolment and the life of accounts know, and no other way."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from directory.entries import tree
from directory.entries.person_entries import first
from directory.entries.tree import Entry, Person, Place
from directory.issuing import enrolment
from directory.issuing.hashing import NO_PASSWORD
from directory.people import lifecycle
from directory.people.embedded import keep_password
from directory.schema import names, schema
from directory.server.faults import Fault
from directory.server.reading.computed_assertions import CODED
from directory.server.wire.messages import Code
from directory.server.writing import addresses, reading
from directory.server.writing.addresses import Mails
from directory.server.writing.desk import Desk, Password, touched
from directory.server.writing.modifying import Values
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Affiliation, NewPerson, PersonChange, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.people import affiliations, people
from mailserver.store.people.people import Entry as Row
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause, plain

IDENTIFIER = "an identifier is for ever: it is never changed and never given to anybody else"
LATEST = 2**32
"""Seconds since the epoch: no closing is planned for the next century."""
REASON = "LDAP"
"""Of a suspension or closing: who asked is in the audit."""


class People:
    """Writes accounts and their entries."""

    loose = frozenset({"mail", "cn", "displayName"})
    """A new name brings a new address besides those that were written; what is deleted of the other two follows."""
    free: frozenset[str] = frozenset()

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        login = place.key
        given = _with_schools({}, {"mail": (f"{login}@{desk.tree.domain}",), **values})
        person = _person(given)
        role = person.role if {"employeeType", *_AFFILIATION} & values.keys() else Role.STAFF
        new = NewPerson(
            given_name=person.given_name,
            surname=person.surname,
            role=role,
            uai=person.uai,
            discipline=person.discipline,
            login=login,
            title=person.title,
            affiliations=person.affiliations,
            hidden=person.hidden,
            display_name=first(values, "displayName"),
            common_names=values.get("cn", ()),
        )
        kept = password.kept if password is not None else NO_PASSWORD
        extra = tree.dump_extra(person.extra)
        made = enrolment.enrol(desk.tx, desk.academy, enrolment.checked(new), desk.origin, kept)
        if extra:
            people.change_entry(desk.tx, made.account_id, {"extra": extra})
        if "mail" in values or "acadAddress" in values:
            addresses.set_new(desk, made.account_id, Mails.of(values))
        if person.expires:
            _plan_closing(desk, made.account_id, person.expires)
        if "acadState" in values:
            _set_state(desk, made.account_id, values["acadState"])

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        before = _row(desk, entry)
        changed = touched(entry.attributes, values) & {*entry.attributes, *values}
        if "objectClass" in changed:
            raise Fault(Code.OBJECT_CLASS_MODS_PROHIBITED, "the classes of an account follow from what it is")
        if "acadAccountId" in changed:
            raise Fault(Code.CONSTRAINT_VIOLATION, "acadAccountId: the service numbers accounts")
        if "uid" in changed:
            raise Fault(Code.UNWILLING_TO_PERFORM, IDENTIFIER)
        was, wanted = _person(_bare(entry.attributes)), _person(_bare(_led(entry.attributes, values)))
        change = _change(desk, before, was, wanted)
        if changed & {"cn", "displayName", "sn", "givenName"}:
            # Over LDAP the names that somebody is shown under are as they were last written, whatever else changes.
            change = dataclasses.replace(
                change,
                display_name=first(values, "displayName") if "displayName" in changed else before.display_name,
                common_names=values.get("cn", ()) if "cn" in changed else before.common_names,
            )
        if change != PersonChange():
            enrolment.change(desk.tx, desk.academy, before.account_id, change, desk.origin)
        if changed & {"mail", "acadAddress"}:
            addresses.set_wanted(desk, before.account_id, Mails.of(values), primary_given="acadAddress" in changed)
        if "schacExpiryDate" in changed:
            _plan_closing(desk, before.account_id, wanted.expires)
        if password is not None:
            _set_password(desk, before, password)
        if "acadState" in changed:
            _set_state(desk, before.account_id, values.get("acadState", ()))

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        if place != entry.place:
            raise Fault(Code.UNWILLING_TO_PERFORM, IDENTIFIER)

    def delete(self, desk: Desk, entry: Entry) -> None:
        """The account is closed; identifier and addresses stay claimed, and mail is kept for the grace period."""
        row = _row(desk, entry)
        if row.state is State.CLOSED:
            text = "the account is closed already; its entry goes when it is erased"
            raise Fault(Code.UNWILLING_TO_PERFORM, text)
        _close(desk, row.account_id)


_AFFILIATION = ("eduPersonPrimaryAffiliation", "eduPersonAffiliation")
_MAIN_SCHOOL = "supannEntiteAffectationPrincipale"


def _row(desk: Desk, entry: Entry) -> Row:
    found = reading.person_row(desk.tx, entry.place.key)
    if found is None:
        raise Fault(Code.NO_SUCH_OBJECT)
    return found


def _person(attributes: Mapping[str, Sequence[str]]) -> Person:
    found = tree.read_person(attributes)
    if found is None:
        raise Fault(Code.CONSTRAINT_VIOLATION, "mail: an account keeps an address")
    return found


def _bare(attributes: Mapping[str, Sequence[str]]) -> Values:
    """Without the names that somebody is shown under: `sn` and `givenName` are there to say what a person is called."""
    return {name: tuple(values) for name, values in attributes.items() if name not in ("cn", "displayName")}


def _change(desk: Desk, row: Row, was: Person, wanted: Person) -> PersonChange:
    """What differs between two readings of the entry; None: nothing."""
    ties = wanted.affiliations
    return PersonChange(
        given_name=wanted.given_name if wanted.given_name != was.given_name else None,
        surname=wanted.surname if wanted.surname != was.surname else None,
        role=wanted.role if wanted.role is not was.role else None,
        uai=wanted.uai if wanted.uai != was.uai else None,
        discipline=wanted.discipline if wanted.discipline != was.discipline else None,
        title=wanted.title if wanted.title != was.title else None,
        hidden=wanted.hidden if wanted.hidden != was.hidden else None,
        affiliations=_labelled(desk, row.account_id, ties) if ties != was.affiliations else None,
        extra=tree.dump_extra(wanted.extra) if wanted.extra != was.extra else None,
    )


def _labelled(desk: Desk, account_id: int, ties: Iterable[Affiliation]) -> tuple[Affiliation, ...]:
    """Affiliations with the labels that the export gave them: an entry does not show them."""
    held = affiliations.of(desk.tx, (account_id,)).get(account_id, ())
    labels = {(tie.kind, tie.uai, tie.code): tie.label for tie in held}
    return tuple(dataclasses.replace(tie, label=labels.get((tie.kind, tie.uai, tie.code), "")) for tie in ties)


# ---------------------------------------------------------------------- attributes that say one thing in several ways


def _led(before: Mapping[str, Sequence[str]], values: Values) -> Values:
    """The attributes a reader believes first say what the client wrote into the others."""
    changed = touched(before, values)
    led = dict(values)
    for attribute, kind in CODED.items():
        if attribute in changed and "acadPost" not in changed:
            gone = set(before.get(attribute, ())) - set(values.get(attribute, ()))
            posts = [post for post in values.get("acadPost", ()) if not _is_post(post, kind, gone)]
            led["acadPost"] = tuple(posts)
    if _AFFILIATION[0] not in changed and "employeeType" not in values:
        # Without a role of its own an entry would be read by what follows from the old one.
        led = {name: held for name, held in led.items() if name not in _AFFILIATION}
    return _with_schools(before, led) if "acadUAI" in changed else led


def _is_post(post: str, kind: Tie, codes: set[str]) -> bool:
    _, _, rest = post.partition("$")
    word, _, code = rest.partition("$")
    return word == kind.value and code in codes


def _with_schools(before: Mapping[str, Sequence[str]], values: Values) -> Values:
    """acadUAI names every school, the main one first; the further ones are posts."""
    schools = [uai.upper() for uai in values.get("acadUAI", ())]
    was = [uai.upper() for uai in before.get("acadUAI", ())]
    label = (values.get(_MAIN_SCHOOL) or ("",))[0]
    main = label[5:].upper() if label.upper().startswith("{UAI}") else ""
    if main not in schools and list(before.get(_MAIN_SCHOOL, ())) == list(values.get(_MAIN_SCHOOL, ())):
        main = schools[0] if schools else ""
    gone = set(was) - set(schools)
    posts = [
        post
        for post in values.get("acadPost", ())
        if not (post.partition("$")[0] in gone and _is_post(post, Tie.SCHOOL, gone))
    ]
    held = {post.partition("$")[0] for post in posts}
    posts += [f"{uai}${Tie.SCHOOL.value}${uai}" for uai in schools if uai not in {main, *was, *held}]
    led = {**values, "acadPost": tuple(posts)}
    if main:
        led[_MAIN_SCHOOL] = (f"{{UAI}}{main}",)
    else:
        led.pop(_MAIN_SCHOOL, None)
    return {name: held for name, held in led.items() if held}


# ---------------------------------------------------------------------- password and state


def _set_password(desk: Desk, row: Row, password: Password) -> None:
    tx, account_id = desk.tx, row.account_id
    if row.state is State.CLOSED:
        raise Fault(Code.UNWILLING_TO_PERFORM, "the account is closed")
    accounts.lock(tx, account_id)
    if password.held is not None and people.password(tx, account_id) != password.held:
        raise Refused(Reason.CONFLICT, "userPassword: another password was set meanwhile")
    if password.kept.hash:
        keep_password(tx, account_id, password.kept)
        audit.record(tx, desk.origin, Action.PASSWORD_SET, account_id)
    else:
        people.set_password(tx, account_id, "")
        accounts.password_withdrawn(tx, account_id)
        audit.record(tx, desk.origin, Action.PASSWORD_SET, account_id, Cause("password-withdrawn"))


def _set_state(desk: Desk, account_id: int, values: Sequence[str]) -> None:
    """The life of an account, by the name of the state that is wanted. Raises Fault, Refused."""
    standing = accounts.get(desk.tx, account_id)
    if standing is None:
        raise Fault(Code.NO_SUCH_OBJECT)
    try:
        wanted = State(values[0].lower()) if values else standing.state
    except ValueError:
        known = ", ".join(State)
        raise Fault(Code.CONSTRAINT_VIOLATION, f"acadState: one of {known}") from None
    if wanted is standing.state:
        return
    if wanted is State.SUSPENDED:
        accounts.suspend(desk.tx, account_id, REASON, False)
        audit.record(desk.tx, desk.origin, Action.SUSPENDED, account_id, plain(REASON))
    elif wanted is State.CLOSED:
        _close(desk, account_id)
    elif standing.state in (State.SUSPENDED, State.CLOSED):
        back = accounts.resume(desk.tx, account_id)
        audit.record(desk.tx, desk.origin, Action.RESUMED, account_id, Cause("state", state=(back.value,)))
    # Anything else (active without a password) is found out when the entry is read again.


def _close(desk: Desk, account_id: int) -> None:
    farewell = lifecycle.farewell(desk.terms, desk.tx.now)
    lifecycle.close(desk.tx, desk.origin, account_id, REASON, farewell)


def _plan_closing(desk: Desk, account_id: int, expires: str) -> None:
    """The account closes by itself on that day; without one, it stays."""
    if not expires:
        lifecycle.cancel_closing(desk.tx, desk.origin, account_id)
        return
    moment = schema.comparable(schema.BY_NAME["schacexpirydate"], expires)
    day = int(moment) if isinstance(moment, float | int) else 0
    if not desk.tx.now < day < LATEST:
        raise Fault(Code.CONSTRAINT_VIOLATION, "schacExpiryDate: a time to come")
    lifecycle.plan_closing(desk.tx, desk.origin, account_id, day, REASON)
