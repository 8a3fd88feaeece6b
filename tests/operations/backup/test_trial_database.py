"""The PostgreSQL database for trials of restoring: one trial at a time, whoever makes it."""

import psycopg
import pytest

from mailserver.model.errors import NotThere
from mailserver.store.upkeep import trial_database
from tests.postgres import Postgres


def test_a_second_trial_is_refused_and_leaves_the_first_alone(postgres: Postgres) -> None:
    """It had thrown away what the first one had brought, and each had read what was left of both."""
    url = postgres.create()

    def tables() -> int:
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found is not None
        return int(found[0])

    with trial_database.emptied(url):
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE account (id bigint)")
        with pytest.raises(NotThere, match="another trial of a backup is under way"), trial_database.emptied(url):
            raise AssertionError
        assert tables() == 1
    assert tables() == 0
    with trial_database.emptied(url):  # the lock ends with the trial
        pass
