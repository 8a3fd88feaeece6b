"""From records to candidates: every field checked and in canonical form, secrets as keyed hashes."""

from collections.abc import Iterable
from functools import lru_cache

from directory.imports.sources.records import Fault, PersonRecord, SchoolRecord, TermRecord
from directory.imports.target import Candidate
from directory.issuing import identifiers
from directory.issuing.enrolment import MAX_TEXT, check_secrets, checked_recovery, checked_title
from mailserver.model.credentials.proofs import Proofs, parse_date
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import Affiliation
from mailserver.store.account.accounts import Marks
from mailserver.store.people import affiliations
from mailserver.texts import causes
from mailserver.texts.causes import Cause


class Recogniser:
    """Turns the records of one export into candidates, counting those that nothing tells apart."""

    def __init__(self, proofs: Proofs) -> None:
        self._proofs = proofs
        self._alike: dict[int, int] = {}
        """By hash of what they are like: how many. Hashes, since this is the one thing that grows with the file."""
        self._birth_date = lru_cache(maxsize=40_000)(proofs.birth_date)

    def candidate(self, record: PersonRecord) -> Candidate | Fault:
        """The candidate of the next record; a fault that names the field, when there is one."""
        try:
            return self._candidate(record)
        except Refused as refusal:
            return Fault(record.line, causes.of(refusal), self.identity(record), record.file)

    def identity(self, record: PersonRecord | None) -> PersonRecord | None:
        """What can be read of whom a faulty record is about: well-formed keys only."""
        if record is None:
            return None
        numen, ine = _code(record.numen), _code(record.ine)
        found = PersonRecord(
            record.line,
            record.source_key,
            numen=numen if numen and identifiers.is_numen(numen) else None,
            ine=ine if ine and identifiers.is_ine(ine) else None,
            login=record.login or None,
        )
        return found if found.source_key or found.numen or found.ine or found.login else None

    def keyed(self, record: PersonRecord) -> Candidate:
        """A candidate that only says who it is."""
        return Candidate(
            PersonRecord(record.line, record.source_key, login=record.login),
            Marks(
                self._proofs.numen(record.numen) if record.numen else None,
                self._proofs.ine(record.ine) if record.ine else None,
            ),
        )

    def _candidate(self, record: PersonRecord) -> Candidate:
        numen, ine = _code(record.numen), _code(record.ine)
        if numen and not identifiers.is_numen(numen):
            raise _invalid(Cause("not-numen"))
        if ine and not identifiers.is_ine(ine):
            raise _invalid(Cause("not-ine"))
        if len(record.source_key) > MAX_TEXT or not record.source_key.isprintable():
            raise _invalid(Cause("key-too-long", most=MAX_TEXT))
        born = _iso(record.birth_date) if record.birth_date else ""
        login = record.login.strip() if record.login else None
        checked = PersonRecord(
            record.line,
            record.source_key,
            _text("given_name", record.given_name),
            _text("surname", record.surname),
            record.role,
            uai=_uai(record.uai) if record.uai else record.uai,
            discipline=_text("discipline", record.discipline),
            login=login or None,
            recovery_address=checked_recovery(record.recovery_address)
            if record.recovery_address
            else record.recovery_address,
            title=checked_title(record.title) if record.title else record.title,
            hidden=record.hidden,
            affiliations=checked_ties(record.affiliations) if record.affiliations else (),
            ties=record.ties,
            file=record.file,
        )
        marks = Marks(
            self._proofs.numen(numen) if numen else None,
            self._proofs.ine(ine) if ine else None,
            self._birth_date(born) if born else None,
        )
        has_password = record.password is not None
        if numen or ine or login or record.source_key:
            return Candidate(checked, marks, has_password=has_password)
        like = hash((search_key(f"{checked.given_name}\0{checked.surname}"), born, checked.role, checked.uai or ""))
        place = self._alike.get(like, 0)
        self._alike[like] = place + 1
        return Candidate(checked, marks, place, has_password=has_password)


def identities(candidate: Candidate) -> list[str]:
    """What a record shares with another one about the same person."""
    record, marks = candidate.record, candidate.marks
    found = []
    if marks.ine:
        found.append(f"i{marks.ine.hex()}")
    if marks.numen:
        found.append(f"n{marks.numen.hex()}")
    if record.source_key:
        found.append(f"k{record.source_key}")
    if record.login:
        found.append(f"l{fold_login(record.login)}")
    if candidate.account_id:
        found.append(f"a{candidate.account_id}")
    return found


def place_fault(record: SchoolRecord | TermRecord) -> Cause | None:
    """What makes a school or a word of the vocabulary useless; None: nothing."""
    if record.uai and not identifiers.is_uai(record.uai):
        return Cause("not-uai", field="uai", uai=record.uai[:20])
    if isinstance(record, TermRecord):
        try:
            affiliations.canonical([Affiliation(record.kind, record.code, record.uai, record.label)])
        except Refused as refusal:
            return causes.of(refusal)
    elif len(record.source_key or "") > MAX_TEXT:
        return Cause("structure-key-too-long", most=MAX_TEXT)
    return None


def uai_fault(uais: Iterable[str]) -> Cause | None:
    """What is wrong with the check letters of these; None when nothing is."""
    for uai in uais:
        letter = _letter(uai)
        if letter != uai[7]:
            return Cause("uai-letter", uai=uai, letter=letter)
    return None


def uais_of(record: PersonRecord) -> set[str]:
    """The schools that a checked record names."""
    found = {affiliation.uai for affiliation in record.affiliations if affiliation.uai}
    if record.uai:
        found.add(record.uai)
    return found


@lru_cache(maxsize=20_000)
def _letter(uai: str) -> str:
    return identifiers.uai_letter(uai[:7])


@lru_cache(maxsize=20_000)
def _uai(text: str) -> str:
    uai = _code(text)
    if uai and not identifiers.is_uai(uai):
        raise _invalid(Cause("not-uai", field="uai", uai=uai))
    return uai


@lru_cache(maxsize=40_000)
def _iso(text: str) -> str:
    born = parse_date(text)
    if not born:
        raise _invalid(Cause("not-a-date", field="birth_date"))
    return born


def _code(text: str | None) -> str:
    """NUMEN, INE and UAI as people type them: any case, any spaces."""
    return "".join(text.split()).upper()[:MAX_TEXT] if text else ""


def _text(name: str, text: str | None) -> str | None:
    """One line of bounded text with single spaces."""
    if not text:
        return text
    clean = " ".join(text.split())
    if len(clean) > MAX_TEXT:
        raise _invalid(Cause("text-too-long", field=name, most=MAX_TEXT))
    if not clean.isprintable():
        raise _invalid(Cause("text-unprintable", field=name))
    check_secrets(name, clean)
    return clean


@lru_cache(maxsize=50_000)
def checked_ties(held: tuple[Affiliation, ...]) -> tuple[Affiliation, ...]:
    """Affiliations whose schools have the shape of a UAI. Raises Refused(INVALID).

    Remembered: thirty pupils in a row are of one class, and what is the same object is compared at once.
    """
    checked = affiliations.canonical(held)
    for tie in checked:
        if tie.uai:
            _uai(tie.uai)
        check_secrets(tie.kind.value, tie.code)
        check_secrets(tie.kind.value, tie.label)
    return checked


def _invalid(why: Cause) -> Refused:
    return Refused(Reason.INVALID, why)
