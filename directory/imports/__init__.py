"""What exports say, and how it becomes people: read, compare, show the difference, apply, and take it back.

* `sources.records` are the neutral values between formats and directories: `PersonRecord`, `Departure`, `SchoolRecord`,
  `TermRecord`, `Fault`, `Remark`, and `Export`, the protocol of a reader. None in a record means "not said",
  an empty value means "erase".
* Readers: `sources.rows` reads `people.csv`, `sources.aaf` the ministry's XML. A faulty line is a value too, with
  its number and reason, and spoils no other.
* `recognition` says who a record is about: by the number in its source, else INE, else NUMEN, else login. A
  record with none of these is the n-th person of that name, birth date, role and school who has none
  either, where n counts such records in the export: two homonyms in one file are two people, and the same file
  again is the same two.
* `target` is the protocol of a directory that an import can write; in `targets`, `embedded` are the store's own
  tables, `external` is an LDAP server, and `restoring` takes a run back from either.
* `planning` reads the export once and keeps on disk what would change; `applying` carries the plan out in units
  that are short enough for mail to pass between them; `report_lines` puts steps into the words of the report.
  `intake` is all of it; the command and the console (`jobs`) begin with `import_setup`.

Importing a file twice changes nothing. That is also how an import goes on after a crash: each change is
committed with its row of the run, the same command finds the unfinished run by the digest of its files, plans
again, and finds done what was done. Nothing in memory grows with the export but a bit for each account; what must
be remembered of it is in files without a name that vanish with the process.

A password in the file is taken only when asked for, and only by an account that was never activated: nobody's own
choice is overwritten. A dry run asks the same questions and writes nothing.
"""
