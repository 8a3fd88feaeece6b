"""Files of large messages in object storage of the S3 protocol.

What a call needs is bounded: seconds to connect and between two octets, tries, octets. Where the storage does not
answer, the next calls fail at once (Temporary) and hold no thread, until a thread of its own has seen it answer again.

The library's own threads do not survive a fork: nothing is opened before the first call, and a process that forks
others makes none (`mailserver.runtime.apart`).
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import structlog

from mailserver.foundation.settings import Octets
from mailserver.model.errors import Damaged, Temporary
from mailserver.store.octets.disk import MARK, QUARANTINE, is_ours
from mailserver.store.octets.read_cache import ReadCache
from mailserver.texts.causes import Cause

if TYPE_CHECKING:
    from obstore.store import S3Store

log = structlog.get_logger("store")
T = TypeVar("T")

CONNECT_SECONDS = 3
SILENT_SECONDS = 5
"""Without an octet: then the storage counts as out of reach."""
TRIES = 2
TRYING_SECONDS = 4
"""After so long a call that failed is not tried again."""
PROBE_SECONDS = 1.0
MOST_OCTETS = (1 << 31) + (1 << 20)
"""Of one object: ours are frames of messages, which are smaller."""
CHUNK = 64 * 1024
ANSWERED = "status code"
"""In what the library says of an error that the storage answered with."""


class Bucket:
    """One prefix of one bucket."""

    path = None

    def __init__(self, chosen: Octets, key: tuple[str, str], cache: ReadCache | None = None) -> None:
        self._chosen = chosen
        self._key = key
        self._cache = cache
        self._made: S3Store | None = None
        self._making = threading.Lock()
        self._is_out = False

    def __str__(self) -> str:
        return self._chosen.url

    # ------------------------------------------------------------------ new files

    def write(self, data: bytes) -> str:
        """The storage acknowledged it: that is what it promises to keep."""
        random = os.urandom(16).hex()
        name = f"{random[:2]}/{random}"
        self.write_as(name, data)
        if self._cache is not None:
            self._cache.put(name, data)
        return name

    def write_as(self, name: str, data: bytes) -> None:
        self._forget_copy(name)  # whoever reads it back to compare asks the storage
        try:
            self._call(lambda store: store.put(name, data, use_multipart=False))
        except FileNotFoundError as error:
            raise self._no_bucket(error) from error

    def discard(self, name: str) -> None:
        """One that stays is a stray, which the collector finds."""
        self._forget_copy(name)
        with contextlib.suppress(Temporary):
            self._delete(name)

    # ------------------------------------------------------------------ reading

    def read(self, name: str) -> bytes:
        held = self._cache.get(name) if self._cache is not None else None
        if held is not None:
            return held
        data = self._found(name, lambda: self._get(name))
        if self._cache is not None:
            self._cache.put(name, data)
        return data

    def read_beginning(self, name: str, count: int) -> bytes:
        held = self._cache.get(name) if self._cache is not None else None
        return held[:count] if held is not None else self._found(name, lambda: self._get(name, count))

    def read_aside(self, name: str) -> bytes:
        try:
            return self._get(f"{QUARANTINE}/{name}")
        except FileNotFoundError as error:
            raise Damaged(Cause("file-lost")) from error

    def read_in_pieces(self, name: str) -> Iterator[bytes]:
        for place in (name, f"{QUARANTINE}/{name}", name):  # it may move meanwhile
            with contextlib.suppress(FileNotFoundError):
                found = self._call(lambda store, place=place: store.get(place))  # type: ignore[misc]
                break
        else:
            if not self.is_attached():
                raise Temporary("The object storage is out of reach")
            raise Damaged(Cause("file-lost"))
        if found.meta["size"] > MOST_OCTETS:
            raise Damaged(Cause("frame-too-large"))
        pieces = iter(found.stream(min_chunk_size=CHUNK))
        while (piece := self._call(lambda _: next(pieces, None))) is not None:
            yield bytes(piece)

    def is_there(self, name: str) -> bool:
        return self._has(name) or self._has(f"{QUARANTINE}/{name}")

    def lies_aside(self, name: str) -> bool:
        return not self._has(name) and self._has(f"{QUARANTINE}/{name}")

    def _get(self, name: str, count: int | None = None) -> bytes:
        """The object, or its beginning: the rest is not waited for. Raises FileNotFoundError, Damaged, Temporary."""

        def get(store: "S3Store") -> bytes:
            found = store.get(name)
            if found.meta["size"] > MOST_OCTETS:
                raise Damaged(Cause("frame-too-large"))
            if count is None or count >= found.meta["size"]:
                return bytes(found.bytes())
            begun = bytearray()
            for chunk in found.stream(min_chunk_size=CHUNK):
                begun += bytes(chunk)
                if len(begun) >= count:
                    break
            return bytes(begun[:count])

        return self._call(get)

    def _found(self, name: str, get: Callable[[], bytes]) -> bytes:
        """What is in its place, or was aside and is taken back. Raises Damaged when it is lost, Temporary."""
        for _ in range(2):
            with contextlib.suppress(FileNotFoundError):
                return get()
            if not self.restore(name):
                break
        try:  # another process may have put it back meanwhile
            return get()
        except FileNotFoundError as error:
            if not self.is_attached():
                raise self._no_bucket(error) from error
            log.error("file of a message cannot be read", file=name, why="it is not in object storage")
            raise Damaged(Cause("file-lost")) from error

    def _has(self, name: str) -> bool:
        try:
            self._call(lambda store: store.head(name))
        except FileNotFoundError:
            return False
        return True

    # ------------------------------------------------------------------ the collector's

    def put_aside(self, name: str, now: float) -> None:
        self._move(name, f"{QUARANTINE}/{name}")  # the storage's clock says when that was
        self._forget_copy(name)

    def _forget_copy(self, name: str) -> None:
        if self._cache is not None:
            self._cache.drop(name)

    def restore(self, name: str) -> bool:
        if not self._move(f"{QUARANTINE}/{name}", name):
            return False
        log.warning("file taken back from quarantine: a row names it", file=name)
        return True

    def remove_aside(self, name: str) -> None:
        self._delete(f"{QUARANTINE}/{name}")

    def aged_aside(self, shelf: int, before: float) -> list[str]:
        return self._aged(f"{QUARANTINE}/", shelf, before)

    def aged(self, shelf: int, before: float) -> list[str]:
        return self._aged("", shelf, before)

    def tidy(self) -> None:
        if self._cache is not None:
            self._cache.tidy()

    def names(self) -> Iterator[str]:
        pages = self._call(lambda store: iter(store.list()))
        while (page := self._call(lambda _: next(pages, None))) is not None:
            yield from filter(is_ours, (each["path"] for each in page))

    def _move(self, source: str, target: str) -> bool:
        """Copied before it is deleted: killed in between it lies in both places, and neither loses it."""
        try:
            self._call(lambda store: store.copy(source, target))
        except FileNotFoundError:
            return False
        self._delete(source)
        return True

    def _delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._call(lambda store: store.delete(name))

    def _aged(self, place: str, shelf: int, before: float) -> list[str]:
        def look(store: "S3Store") -> list[str]:
            pages = store.list(f"{place}{shelf:02x}")
            return [each["path"] for page in pages for each in page if each["last_modified"].timestamp() < before]

        try:
            # Below a shelf there may be what another program, or another instance in the same bucket, keeps.
            return [*filter(is_ours, (path.removeprefix(place) for path in self._call(look)))]
        except FileNotFoundError as error:
            raise self._no_bucket(error) from error

    # ------------------------------------------------------------------ whose they are

    def is_attached(self) -> bool:
        """False also while the storage is out of reach."""
        try:
            return bool(self.read_mark())
        except Temporary:
            return False

    def read_mark(self) -> str:
        try:
            return self._get(MARK, 100).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""

    def write_mark(self, identifier: str) -> None:
        try:
            self._call(lambda store: store.put(MARK, identifier.encode("ascii") + b"\n", use_multipart=False))
        except FileNotFoundError as error:
            raise self._no_bucket(error) from error

    # ------------------------------------------------------------------ calling

    def _call(self, work: "Callable[[S3Store], T]") -> T:
        """Raises FileNotFoundError for what is not there, Temporary when the storage does not do its work."""
        from obstore.exceptions import BaseError

        if self._is_out:
            raise Temporary("The object storage is out of reach")
        try:
            return work(self._store())
        except FileNotFoundError:
            raise
        except (BaseError, OSError, ValueError) as error:
            if ANSWERED in str(error) and self._answers():
                # No room, or no right to do this: what else is asked, reading above all, goes on.
                log.error("object storage refused", url=self._chosen.url, why=_brief(error))
                raise Temporary("The object storage refused that") from error
            self._note_outage(error)
            raise Temporary("The object storage is out of reach") from error

    def _answers(self) -> bool:
        """Whether it does its work for the mark, be that there or not."""
        from obstore.exceptions import BaseError

        try:
            with contextlib.suppress(FileNotFoundError):
                self._store().head(MARK)
        except (BaseError, OSError, ValueError):
            return False
        return True

    def _store(self) -> "S3Store":
        with self._making:
            if self._made is None:
                with _without_others_settings():
                    self._made = _connect(self._chosen, self._key)
            return self._made

    def _note_outage(self, error: BaseException) -> None:
        with self._making:
            if self._is_out:
                return
            self._is_out = True
        log.error("object storage is out of reach", url=self._chosen.url, why=_brief(error))
        threading.Thread(target=self._wait_for_it, name="object-storage", daemon=True).start()

    def _wait_for_it(self) -> None:
        """Until it answers again: then everybody may ask."""
        time.sleep(PROBE_SECONDS)
        while not self._answers():
            time.sleep(PROBE_SECONDS)
        self._is_out = False
        log.info("object storage answers again", url=self._chosen.url)

    def _no_bucket(self, error: BaseException) -> Temporary:
        log.error("object storage has no such bucket", url=self._chosen.url, why=_brief(error))
        return Temporary("The object storage is out of reach")


_ENVIRONMENT = threading.Lock()


@contextlib.contextmanager
def _without_others_settings() -> Iterator[None]:
    """The library heeds `AWS_…` of the environment wherever it is told nothing: tokens, addresses, ways to sign. They
    are for others, as for restic, whose storage is elsewhere."""
    with _ENVIRONMENT:
        theirs = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
        try:
            yield
        finally:
            os.environ.update(theirs)


def _connect(chosen: Octets, key: tuple[str, str]) -> "S3Store":
    from obstore.store import S3Store

    parts = urlsplit(chosen.url)
    options: dict[str, Any] = {"endpoint": chosen.endpoint, "virtual_hosted_style_request": False}
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=chosen.region,
        access_key_id=key[0],
        secret_access_key=key[1],
        **(options if chosen.endpoint else {}),
        client_options={
            "allow_http": chosen.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "read_timeout": timedelta(seconds=SILENT_SECONDS),
            "timeout": timedelta(seconds=chosen.seconds),
        },
        retry_config={
            "max_retries": TRIES,
            "retry_timeout": timedelta(seconds=TRYING_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=50),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    )


def _brief(error: BaseException) -> str:
    """The first line: what follows repeats it at length."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:300]
