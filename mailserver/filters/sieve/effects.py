"""What a run has decided so far, and what follows from it in the end."""

from dataclasses import replace

from mailserver.filters.sieve.errors import RunError
from mailserver.filters.sieve.interface import (
    Action,
    Discard,
    Edited,
    FileInto,
    Keep,
    Mark,
    Notify,
    Redirect,
    Reject,
    Vacation,
)
from mailserver.filters.sieve.limits import Limits
from mailserver.texts.text import Text


class Effects:
    """Actions, each once, in the order of their first mention (RFC 5228 section 2.10)."""

    __slots__ = ("_actions", "_answered", "_earlier", "_limits", "_notified", "_silent", "flags", "implicit", "marks")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._actions: dict[object, Action] = {}
        self._answered = False
        self._earlier: set[object] = set()
        """Actions of the script that comes before the one that runs."""
        self._silent = False
        """The one that runs answers nobody."""
        self._notified: set[str] = set()
        self.implicit = True
        """The implicit keep stands (RFC 5228 section 2.10.2)."""
        self.flags: tuple[str, ...] = ()
        """The internal variable (RFC 5232 section 3)."""
        self.marks: list[Mark] = []

    def _put(self, key: object, action: Action) -> None:
        if key not in self._actions and len(self._actions) >= self._limits.actions:
            raise RunError(Text("Le filtre demande plus de {most} actions.", most=self._limits.actions))
        self._actions[key] = action
        self._earlier.discard(key)

    def follow(self, *, silent: bool) -> None:
        """What was decided so far another script has, which comes before what runs from now on."""
        self._earlier = set(self._actions)
        self._silent = silent or self._answered
        self._answered = False

    def _withdraw(self, *kinds: type[Action]) -> None:
        """Of what the earlier script decided."""
        for key in [key for key in self._earlier if isinstance(self._actions[key], kinds)]:
            del self._actions[key]
            self._earlier.discard(key)

    def _has(self, *kinds: type[Action]) -> bool:
        return any(isinstance(action, kinds) for action in self._actions.values())

    def keep(self, flags: tuple[str, ...], edited: Edited | None) -> None:
        """Into the inbox. Of several the last flags count (RFC 5232 section 3)."""
        self._not_rejected()
        self.implicit = False
        self._put(Keep, Keep(flags, edited, implicit=False))

    def file(self, action: FileInto, *, copy: bool) -> None:
        """Into a mailbox; each gets it once (RFC 5228 section 2.10.3)."""
        self._not_rejected()
        if not copy:
            self.implicit = False
        key = (FileInto, action.mailbox, action.special_use, action.mailbox_id)
        before = self._actions.get(key)
        if isinstance(before, FileInto) and before.create:
            action = replace(action, create=True)
        self._put(key, action)

    def inbox(self, flags: tuple[str, ...], edited: Edited | None, *, copy: bool) -> None:
        """`fileinto "INBOX"`."""
        implicit = self.implicit
        self.keep(flags, edited)
        self.implicit = implicit and copy

    def redirect(self, action: Redirect) -> None:
        """To another address; each gets it once."""
        self._not_rejected()
        if not action.copy:
            self.implicit = False
        key = (Redirect, action.address.casefold(), action.list)
        before = self._actions.get(key)
        if (
            before is None
            and sum(isinstance(one, Redirect) for one in self._actions.values()) >= self._limits.redirects
        ):
            raise RunError(Text("Le filtre redirige vers plus de {most} adresses.", most=self._limits.redirects))
        if isinstance(before, Redirect):
            action = replace(action, copy=before.copy and action.copy)
        self._put(key, action)

    def discard(self) -> None:
        """Nowhere, unless something else keeps it."""
        self.implicit = False

    def reject(self, action: Reject) -> None:
        """Refused: nothing else may become of it (RFC 5429 section 2.4), whatever an earlier script wanted."""
        self._withdraw(Redirect, Vacation)
        if self._answered or self._has(Keep, FileInto, Redirect):
            raise RunError(Text("Le filtre veut refuser le message et en même temps le garder ou y répondre."))
        self._not_rejected()
        self.implicit = False
        self._put(Reject, action)

    def _not_rejected(self) -> None:
        if self._has(Reject):
            raise RunError(Text("Le filtre a refusé le message, puis en demande autre chose."))

    def vacation(self, action: Vacation | None) -> None:
        """An answer, at most one (RFC 5230 section 4.7); None where this message is not to be answered."""
        if self._silent:
            return
        if self._answered:
            raise RunError(Text("Le filtre veut répondre deux fois au même message."))
        self._not_rejected()
        self._answered = True
        if action is not None:
            self._put(Vacation, action)

    def notify(self, action: Notify) -> None:
        """A notice; nobody gets two of one message (RFC 5436 section 2.7)."""
        to = tuple(one for one in action.to if one.casefold() not in self._notified)
        self._notified.update(one.casefold() for one in to)
        if to:
            action = replace(action, to=to)
            self._put(action, action)

    def mark(self, mark: Mark) -> None:
        """A handle to remember."""
        if len(self.marks) >= self._limits.actions:
            raise RunError(Text("Le filtre demande plus de {most} actions.", most=self._limits.actions))
        self.marks.append(mark)

    def resolved(self, edited: Edited | None) -> tuple[Action, ...]:
        """All of them, with the implicit keep of the message as it is in the end where that stands, and Discard where
        nothing else is left."""
        is_kept = self.implicit and not self._has(Keep)
        is_gone = not is_kept and not self._has(Keep, FileInto, Redirect, Reject)
        if is_gone:
            # What somebody throws away they will not read, as an earlier script may have promised.
            self._withdraw(Vacation)
        actions = list(self._actions.values())
        if is_kept:
            actions.append(Keep(self.flags, edited, implicit=True))
        if is_gone:
            actions.append(Discard())
        return tuple(actions)
