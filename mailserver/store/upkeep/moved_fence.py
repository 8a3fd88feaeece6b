"""What keeps everybody from writing to a database that was moved away: who has had it open, as an import, or a host
that was cut off meanwhile, would go on there, and nobody would see it again. A trigger on each table refuses, so that a
unit ends as it does when the database is out of reach.
"""

from collections.abc import Iterator

from mailserver.store.schema.base import metadata

NAME = "moved_fence"
_ACTS = ("insert", "update", "delete")


def exists(dialect: str) -> str:
    """Words that ask whether it stands: a row, or none."""
    if dialect == "sqlite":
        return f"SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{NAME}%'"  # noqa: S608 - our own name
    return f"SELECT 1 FROM pg_proc WHERE proname = '{NAME}'"  # noqa: S608 - a name of our own


def making(dialect: str) -> Iterator[str]:
    """Words that put it up, where it does not stand."""
    if dialect != "sqlite":
        yield (
            f"CREATE FUNCTION public.{NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'this database was moved away' USING ERRCODE = 'read_only_sql_transaction'; END $$"
        )
    for table in metadata.sorted_tables:
        if dialect == "sqlite":
            for act in _ACTS:
                yield (
                    f'CREATE TRIGGER {NAME}_{act}_{table.name} BEFORE {act} ON "{table.name}"'
                    " BEGIN SELECT RAISE(ABORT, 'this database was moved away'); END"
                )
        else:
            yield (
                f'CREATE TRIGGER {NAME} BEFORE INSERT OR UPDATE OR DELETE ON public."{table.name}"'
                f" FOR EACH STATEMENT EXECUTE FUNCTION public.{NAME}()"
            )


def removing(dialect: str) -> Iterator[str]:
    """Words that take it away, where it stands."""
    if dialect != "sqlite":
        yield f"DROP FUNCTION IF EXISTS public.{NAME}() CASCADE"
        return
    for table in metadata.sorted_tables:
        for act in _ACTS:
            yield f"DROP TRIGGER IF EXISTS {NAME}_{act}_{table.name}"
