"""The embedded directory's entries, and the claims on identifiers and addresses."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text

from mailserver.store.schema.base import Key, metadata

claim = Table(
    "claim",
    metadata,
    Column("name", Key, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("live", SmallInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Every identifier (no at sign) and address ever issued, folded. Rows are never deleted: nothing is issued
twice. `live` 1: the name leads to the account today. `account_id` 0: a function's address (a list's), which
may be given again, to a function."""
Index("ix_claim_account_id", claim.c.account_id)

person = Table(
    "person",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("given_name", Text, nullable=False),
    Column("surname", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("aliases", Text, nullable=False, server_default=""),
    Column("role", String(16), nullable=False),
    Column("uai", String(8), nullable=False, server_default=""),
    Column("discipline", Text, nullable=False, server_default=""),
    Column("title", Text, nullable=False, server_default=""),
    Column("hidden", SmallInteger, nullable=False, server_default="0"),
    Column("extra", Text, nullable=False, server_default=""),
    Column("display_name", Text, nullable=False, server_default=""),
    Column("common_names", Text, nullable=False, server_default=""),
    Column("password", Text, nullable=False, server_default=""),
    Column("given_key", Key, nullable=False),
    Column("surname_key", Key, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("shown_key", Key, nullable=False, server_default=""),
    Column("discipline_key", Key, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)
"""`address` is the primary one; `aliases` the other live claims, separated by spaces, so that one row
says everything. `title`: `M.` or `Mme`. `extra`: further LDAP attributes that the administrator gave the entry,
as JSON (`directory.entries.tree`). `display_name` and `common_names` (one a line) are what the administrator gave the
entry;
empty: they follow from the names. The `…_key` columns are folded for searching (`mailserver.model.folding.search_key`);
`shown_key` holds the display name and the common names, one a line."""
Index("ix_person_surname_key", person.c.surname_key)
Index("ix_person_given_key", person.c.given_key)
Index("ix_person_name_key", person.c.name_key)
Index("ix_person_uai", person.c.uai)
Index("ix_person_role", person.c.role)
Index("ix_person_modified", person.c.modified)
Index("ix_person_hidden", person.c.hidden, sqlite_where=person.c.hidden > 0, postgresql_where=person.c.hidden > 0)
Index(
    "ix_person_shown",
    person.c.account_id,
    sqlite_where=person.c.shown_key != "",
    postgresql_where=person.c.shown_key != "",
)
Index("ix_person_extra", person.c.account_id, sqlite_where=person.c.extra != "", postgresql_where=person.c.extra != "")

name_word = Table(
    "name_word",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("word", Key, nullable=False, unique=True),
    sqlite_autoincrement=True,
)
"""Every word of people's names once, folded; those of identifiers and addresses once, behind a dot; domains with their
at sign. The word `=` says that everybody's words are here. Numbers only grow: who knows the words up to one asks for
the rest."""

person_word = Table(
    "person_word",
    metadata,
    Column("word_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Whose words they are (`store.people.search.words`)."""
Index("ix_person_word_account_id", person_word.c.account_id)

affiliation = Table(
    "affiliation",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("kind", String(12), primary_key=True),
    Column("uai", String(8), primary_key=True),
    Column("code", Key, primary_key=True),
    Column("label", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
"""What a person is where (`mailserver.model.identity.Affiliation`): a function (ENS, DOC, DIR), a discipline taught, a
class or group attended or taught, a further school. `uai` may be empty: the academy's own services."""
Index("ix_affiliation_kind_uai_code", affiliation.c.kind, affiliation.c.uai, affiliation.c.code)
Index("ix_affiliation_kind_code", affiliation.c.kind, affiliation.c.code)

vocabulary_entry = Table(
    "vocabulary_entry",
    metadata,
    Column("kind", String(12), primary_key=True),
    Column("uai", String(8), primary_key=True),
    Column("code", Key, primary_key=True),
    Column("label", Text, nullable=False, server_default=""),
    Column("label_key", Key, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Classes and groups of a school, disciplines and functions of the academy (`uai` empty), by the code and the
label that the export gives them."""

contact_entry = Table(
    "contact_entry",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("rdn_key", Key, nullable=False, unique=True),
    Column("rdn", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("mail_key", Key, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Entries of the address book that are nobody's account: a bare inetOrgPerson added over LDAP. `attributes` is
JSON; `mail_key` holds the addresses, folded, between spaces."""
Index("ix_contact_entry_name_key", contact_entry.c.name_key)

school = Table(
    "school",
    metadata,
    Column("uai", String(8), primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("name_key", Key, nullable=False, server_default=""),
    Column("kind", String(16), nullable=False, server_default=""),
    Column("contract", String(4), nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("postcode", String(16), nullable=False, server_default=""),
    Column("town", Text, nullable=False, server_default=""),
    Column("telephone", Text, nullable=False, server_default=""),
    Column("source_key", Text, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)

school_quiet_hours = Table(
    "school_quiet_hours",
    metadata,
    Column("uai", String(8), ForeignKey("school.uai"), primary_key=True),
    Column("begins", SmallInteger, nullable=False),
    Column("ends", SmallInteger, nullable=False),
    Column("weekends", SmallInteger, nullable=False),
    Column("holidays", SmallInteger, nullable=False),
)
"""What a school decided for its people who chose nothing (`mailserver.model.account.quiet_hours`)."""

academy_quiet_hours = Table(
    "academy_quiet_hours",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("begins", SmallInteger, nullable=False),
    Column("ends", SmallInteger, nullable=False),
    Column("weekends", SmallInteger, nullable=False),
    Column("holidays", SmallInteger, nullable=False),
)
"""What the academy decided for whoever chose nothing and whose school did not: one row, number 1, or none, where the
settings say it."""
