"""A private PostgreSQL cluster for the tests, from Debian's packages, on a free loopback port."""

import functools
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.ports import free_port

HOME = Path("/usr/lib/postgresql")
START_SECONDS = 120
LANGUAGE = ("-E", "UTF8", "--locale=fr_FR.UTF-8", "--lc-messages=C")
"""As a machine in France has it: text is not ordered by code points."""
DISCONNECT_OTHERS = """
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
LARGEST = 15_000_000
"""Octets: a new one has eleven million. What rows left behind must not change how questions are planned."""
SHAPE = """
    SELECT (SELECT md5(string_agg(concat(oid, relname, relkind, relnatts, reloptions), ',' ORDER BY oid))
            FROM pg_class WHERE relnamespace = 'public'::regnamespace),
           (SELECT md5(string_agg(concat(attrelid, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum))
            FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0),
           (SELECT md5(string_agg(concat(oid, conname), ',' ORDER BY oid)) FROM pg_constraint),
           (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
           (SELECT count(*) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
"""What changes with the schema; a copy of the template has the template's."""
EMPTY = """
DO $$
DECLARE
    one record;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0 LOOP
        EXECUTE format('DELETE FROM %s', one.name);
    END LOOP;
    FOR one IN SELECT seqrelid::regclass AS name, seqstart FROM pg_sequence LOOP
        PERFORM setval(one.name, one.seqstart, false);
    END LOOP;
END $$
"""
"""The version of the schema is the only row that the schema comes with."""


class Postgres:
    """Makes, starts and stops a cluster in `folder`; it refuses root, so root becomes `postgres`."""

    def __init__(
        self, folder: Path, before: Sequence[str] = (), *, durable: bool = False, listen: Sequence[str] = ("127.0.0.1",)
    ) -> None:
        """`before`: words that run the server's command, as strace does; `durable`: it syncs what it commits."""
        found = sorted(HOME.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        if not found:
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        self._bin = found[-1].parent
        self._folder = folder
        self._before = before
        self._listen = listen
        self._fsync = "on" if durable else "off"
        self.port = free_port()
        self.template = "template1"
        self._user = "postgres"
        self._made = 0
        self._idle: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self._folder / "cluster"
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
            for parent in (self._folder, *self._folder.parents):
                if parent.stat().st_uid == 0 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        self._run(self._bin / "initdb", "-D", data, "-U", self._user, "--auth=trust", *LANGUAGE, "-N")
        with open(data / "pg_hba.conf", "a", encoding="ascii") as access:
            access.writelines(f"host all all {address.rpartition('.')[0]}.0/24 trust\n" for address in self._listen)
        self.run()

    def run(self) -> None:
        """Start the server of a cluster that is there; again after `stop`."""
        self._process = subprocess.Popen(
            self._as_user(
                *self._before,
                self._bin / "postgres",
                "-D",
                self._folder / "cluster",
                "-p",
                self.port,
                "-c",
                f"listen_addresses={','.join(self._listen)}",
                "-c",
                "unix_socket_directories=",
                "-c",
                "max_connections=200",
                "-c",
                f"fsync={self._fsync}",
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._identity(),
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=10).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Of the first process of a server that runs."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://{self._user}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """A new database, copied from a template; its URL."""
        self._made += 1
        name = f"t{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop(self, url: str) -> None:
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def borrow(self) -> str:
        """The URL of a database with our schema and no row, for `give_back`."""
        return self._idle.pop() if self._idle else self.create(self.template)

    def give_back(self, url: str) -> None:
        """Empty a borrowed database, which costs less than a new one; one that has grown or changed its schema goes."""
        with psycopg.connect(url, autocommit=True) as connection:
            gone = all(row[0] for row in connection.execute(DISCONNECT_OTHERS).fetchall())
            (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
            as_new = gone and size < LARGEST and connection.execute(SHAPE).fetchone() == self._shape
            if as_new:
                connection.execute(EMPTY)
        if as_new:
            self._idle.append(url)
        else:
            self.drop(url)

    @functools.cached_property
    def _shape(self) -> object:
        with psycopg.connect(self.url(self.template)) as connection:
            return connection.execute(SHAPE).fetchone()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown: sessions are cut off
            self._process.wait(60)
            self._process = None

    def _as_user(self, *args: object) -> list[str]:
        return [str(arg) for arg in args]

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam("postgres")
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _run(self, *args: object) -> None:
        subprocess.run(
            self._as_user(*args),
            check=True,
            capture_output=True,
            cwd="/",
            **self._identity(),
        )
