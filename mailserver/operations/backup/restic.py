"""restic as a program: its words, its messages (`--json`), its exit codes as sentences."""

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mailserver.model.errors import Temporary
from mailserver.texts.text import Text, Translated, Untranslated

PROGRAM = "restic"
OLDEST = (0, 17)
"""Since then exit codes tell a missing target from a wrong key."""
LOCK_WAIT = "5m"
"""How long restic waits for another that prunes the same target."""
LOCK_TRIES, LOCK_PAUSE = 60, "5s"
MESSAGES = 200
"""Errors of one run that are kept."""
NO_REPOSITORY, LOCKED, WRONG_KEY = 10, 11, 12
INCOMPLETE = 3
"""Exit code of `backup`: a snapshot was made, and something could not be read."""
CONFLICTING = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND", "RESTIC_REPOSITORY_FILE", "RESTIC_KEY_HINT")
_CREDENTIALS = re.compile(r"//[^/@\s]*@")

Message = dict[str, Any]


class CannotBackUp(Temporary):
    """Nothing can be done before an operator mends something; the sentence says what."""

    def __init__(self, sentence: Translated) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of restic's, as its tags tell it."""

    id: str
    time: str
    tags: Mapping[str, str]
    host: str = ""
    """Of which it was made."""


@dataclass(slots=True)
class Result:
    """What a run said."""

    code: int = 0
    snapshot: str = ""
    added: int = 0
    """Octets that came to the target."""
    unchanged: int = 0
    """Files that were taken from the snapshot before, and not read."""
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Item and what was wrong with it."""


def shown(target: str) -> str:
    """A target for people: without the password that its address may hold."""
    return _CREDENTIALS.sub("//***@", target)


def is_folder(target: str) -> bool:
    """Whether restic takes it for a folder of this machine: others begin with the name of their protocol."""
    return re.match(r"[a-z0-9]+:", target) is None or target.startswith("local:")


def folder_of(target: str) -> Path:
    """Where such a folder is."""
    return Path(target.removeprefix("local:")).resolve()


def _check_program() -> None:
    """Raises CannotBackUp where restic is missing, or older than the options and exit codes that are used here."""
    if shutil.which(PROGRAM) is None:
        raise CannotBackUp(Text("restic n’est pas installé : apt-get install restic"))
    said = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"restic (\d+)\.(\d+)", said)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        raise CannotBackUp(
            Text("restic {found} est trop ancien : il faut au moins 0.17", found=f"{found[1]}.{found[2]}")
        )


class Repository:
    """A target and the key to it. Neither is ever on a command line: every user of the machine could read it there."""

    def __init__(self, target: str, key_file: Path, *, keep_open: Sequence[int] = ()) -> None:
        """`keep_open`: descriptors that the program shares, so that a lock lasts as long as it does."""
        self.target = target
        self._keep_open = tuple(keep_open)
        # Absolute: the program is also run in the folder that it stores.
        place = str(folder_of(target)) if is_folder(target) else target
        self._environment = {name: value for name, value in os.environ.items() if name not in CONFLICTING}
        self._environment |= {"RESTIC_REPOSITORY": place, "RESTIC_PASSWORD_FILE": str(key_file.resolve())}
        self._options = ["--json", "--retry-lock", LOCK_WAIT, *(["--no-cache"] if is_folder(target) else [])]
        _check_program()

    def make(self) -> None:
        """A new one. Raises CannotBackUp, also when there is one."""
        self._checked(self.run("init"))

    def forget_stale_locks(self) -> None:
        """Of runs that were killed; also the first look at target and key. Raises CannotBackUp."""
        self._checked(self.run("unlock"))

    def store(
        self,
        name: str,
        tags: Sequence[str],
        source: bytes | IO[bytes] | None = None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> Result:
        """One file from octets, or from what a command prints; nothing is kept when that fails. Raises CannotBackUp."""
        words = ["backup", "--stdin-filename", name, *_tagging(tags)]
        tail = ["--stdin-from-command", "--", *command] if command else ["--stdin"]
        return self._checked(self.run(*words, *tail, source=source, environment=environment, tell=tell))

    def store_folder(self, folder: Path, tags: Sequence[str], tell: Callable[[float], None] | None = None) -> Result:
        """What lies in a folder. Files that could not be read are among its errors. Raises CannotBackUp."""
        found = self.run("backup", *_tagging(tags), ".", folder=folder, tell=tell)
        return found if found.code == INCOMPLETE else self._checked(found)

    def store_upon(
        self, parent: str, folder: Path, tags: Sequence[str], tell: Callable[[float], None] | None = None
    ) -> Result:
        """`store_folder`, where files that have length and time of those of another snapshot are taken from that; of
        none: all are read. Raises CannotBackUp."""
        upon = ["--parent", parent, "--ignore-inode"] if parent else ["--force"]
        found = self.run("backup", *upon, "--no-scan", *_tagging(tags), ".", folder=folder, tell=tell)
        return found if found.code == INCOMPLETE else self._checked(found)

    def snapshots(self, *tags: str) -> list[Snapshot]:
        """Those that have all these tags, oldest first. Raises CannotBackUp."""
        found: list[Snapshot] = []

        def each(message: Any) -> None:
            found.extend(map(_snapshot, message if isinstance(message, list) else ()))

        self._checked(self.run("snapshots", *_wanted(tags), each=each))
        return sorted(found, key=lambda one: one.time)

    def surplus(self, keep: Sequence[str], *tags: str) -> set[str]:
        """Which of those snapshots a policy lets go. Raises CannotBackUp."""
        gone: set[str] = set()

        def each(message: Any) -> None:
            for group in message if isinstance(message, list) else []:
                gone.update(one["id"] for one in group.get("remove") or ())

        self._checked(self.run("forget", "--dry-run", "--group-by", "", *_wanted(tags), *keep, each=each))
        return gone

    def forget(self, ids: Sequence[str]) -> None:
        """Let snapshots go, and what only they held. Raises CannotBackUp."""
        self._checked(self._exclusive("forget", "--prune", *ids))

    def prune(self) -> None:
        """Remove the octets that no snapshot has, those of runs that failed among them. Raises CannotBackUp."""
        self._checked(self._exclusive("prune"))

    def check(self, part: str) -> Result:
        """Compare what stands in the target, reading back a part of its octets."""
        return self._exclusive("check", f"--read-data-subset={part}")

    def _exclusive(self, *words: str) -> Result:
        """A run that has the target for itself. The lock of a killed one counts until its process was reaped."""
        result = Result(LOCKED)
        for _ in range(LOCK_TRIES):
            result = self.run(*words, "--retry-lock", LOCK_PAUSE)
            if result.code != LOCKED:
                break
            self.forget_stale_locks()
        return result

    def files(self, snapshot: str, each: Callable[[str, int], None]) -> None:
        """The path and length of every file, sorted by path. Raises CannotBackUp."""
        self.dated_files(snapshot, lambda path, size, _: each(path, size))

    def dated_files(self, snapshot: str, each: Callable[[str, int, str], None]) -> None:
        """The same, with the time of each as restic writes it. Raises CannotBackUp."""

        def node(message: Any) -> None:
            if message.get("type") == "file":
                each(message["path"], int(message.get("size", 0)), str(message.get("mtime", "")))

        self._checked(self.run("ls", snapshot, each=node))

    @contextlib.contextmanager
    def reading(self, snapshot: str, path: str) -> Iterator[IO[bytes]]:
        """A file of a snapshot as it comes, or a folder as a tar file. Raises CannotBackUp at its end when it was not
        whole."""
        with tempfile.TemporaryFile() as said:
            process = self._start(["dump", snapshot, path], said)
            assert process.stdout is not None
            try:
                with process.stdout:
                    yield process.stdout
            except BaseException:
                process.kill()
                process.wait()
                raise
            self._checked(_result(process.wait(), said))

    def extract(self, snapshot: str, folder: Path, tell: Callable[[float], None] | None = None) -> None:
        """All files of a snapshot into a folder, compared with their sums. Raises CannotBackUp."""
        self._checked(self.run("restore", snapshot, "--target", str(folder), "--verify", tell=tell))

    def extract_some(self, snapshot: str, folder: Path, paths: Sequence[str]) -> None:
        """The same of these files alone; those that are not in it are passed over. Raises CannotBackUp."""
        chosen = [word for path in paths for word in ("--include", path)]
        self._checked(self.run("restore", snapshot, "--target", str(folder), "--verify", *chosen))

    def run(
        self,
        *words: str,
        source: bytes | IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        each: Callable[[Any], None] | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> Result:
        """Run it; `each` gets its messages, `tell` how far it is."""
        result = Result()
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(tempfile.TemporaryFile())
            given: IO[bytes] | int = subprocess.DEVNULL
            if isinstance(source, bytes):
                given = stack.enter_context(tempfile.TemporaryFile())
                given.write(source)
                given.seek(0)
            elif source is not None:
                given = source
            process = self._start(words, said, given, environment, folder)
            assert process.stdout is not None
            with process.stdout:
                try:
                    for line in process.stdout:
                        _hear(line, result, each, tell)
                except BaseException:
                    process.kill()
                    process.wait()
                    raise
            ended = _result(process.wait(), said)
        result.code, result.errors = ended.code, ended.errors
        return result

    def _start(
        self,
        words: Sequence[str],
        said: IO[bytes],
        given: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [PROGRAM, *self._options, *words],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**self._environment, **(environment or {})},
            cwd=folder,
            pass_fds=self._keep_open,
        )

    def _checked(self, result: Result) -> Result:
        if result.code:
            raise CannotBackUp(self.sentence(result))
        return result

    def sentence(self, result: Result) -> Translated:
        """Why a run failed."""
        target, said = shown(self.target), shown(" ; ".join(dict.fromkeys(why for _, why in result.errors)))[:500]
        if result.code == NO_REPOSITORY:
            return Text(
                "{target} : il n’y a pas de sauvegarde là. Le disque est-il monté ? --init en crée une", target=target
            )
        if result.code == WRONG_KEY:
            return Text("{target} : la clé n’est pas celle de cette sauvegarde", target=target)
        if result.code == LOCKED:
            return Text("{target} : une autre sauvegarde y travaille", target=target)
        if "no space left on device" in said.lower():
            return Text("{target} : il n’y a plus de place là, ou sur cette machine ({said})", target=target, said=said)
        return Text("{target} : {said}", target=target, said=Untranslated(said or f"restic: {result.code}"))


def _tagging(tags: Sequence[str]) -> list[str]:
    return [word for tag in tags for word in ("--tag", tag)]


def _wanted(tags: Sequence[str]) -> list[str]:
    return ["--tag", ",".join(tags)] if tags else []


def _snapshot(fields: Message) -> Snapshot:
    """Its time in UTC: restic writes that of the machine's zone, which moves twice a year."""
    tags = (tag.partition("=") for tag in fields.get("tags") or ())
    time = datetime.datetime.fromisoformat(fields["time"]).astimezone(datetime.UTC).isoformat(timespec="microseconds")
    return Snapshot(fields["id"], time, {name: value for name, _, value in tags}, fields.get("hostname") or "")


def _hear(
    line: bytes, result: Result, each: Callable[[Any], None] | None, tell: Callable[[float], None] | None
) -> None:
    try:
        message = json.loads(line)
    except ValueError:
        return
    kind = message.get("message_type") if isinstance(message, dict) else None
    if kind == "status" and tell is not None:
        tell(float(message.get("percent_done", 0)))
    elif kind == "summary":
        result.snapshot = message.get("snapshot_id", "")
        result.added = int(message.get("data_added_packed", 0))
        result.unchanged = int(message.get("files_unmodified", 0))
    elif each is not None and kind != "status":
        each(message)


def _result(code: int, said: IO[bytes]) -> Result:
    """What it wrote to standard error: messages, or lines of a program that it ran."""
    result = Result(code)
    said.seek(0)
    for line in said:
        if len(result.errors) >= MESSAGES:
            break
        text = line.decode(errors="replace").strip()
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            if text:
                result.errors.append(("", text))
        elif message.get("message_type") == "error":
            result.errors.append((str(message.get("item", "")), str((message.get("error") or {}).get("message", ""))))
        elif message.get("message_type") == "exit_error":
            result.errors.append(("", str(message.get("message", "")).partition("\n")[0]))
    return result
