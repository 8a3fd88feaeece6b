"""Threading of messages: REFERENCES and ORDEREDSUBJECT (RFC 5256 BASE.6.4.THREAD). Pure, and nothing recurses.

Messages are numbered from 0 in mailbox order; numbers from there on are dummies, which stand for messages that are
not there. Hostile references cost time in proportion to their number: see MAX_LINKS and STEPS.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

MAX_LINKS = 2_000_000
"""References looked at in all; beyond it each message's last ones are, as many for each."""
STEPS = 3_000_000
"""Steps from child to parent in search of loops; once they are used up, what might be a loop is not linked."""

Links = Sequence[Sequence[int]]
"""Of each message: its own id (0: none), then its references from the oldest, as numbers."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Threads in the order they are shown."""

    count: int
    """Messages; nodes from there on are dummies."""
    roots: list[int]
    children: dict[int, list[int]]


def by_subject(dates: Sequence[int], subjects: Sequence[Hashable]) -> Forest:
    """ORDEREDSUBJECT: messages with one base subject, the first of them above all others."""
    threads: dict[Hashable, list[int]] = {}
    for message in _by_date(dates):
        threads.setdefault(subjects[message], []).append(message)
    groups = threads.values()
    return Forest(
        len(dates), [group[0] for group in groups], {group[0]: group[1:] for group in groups if len(group) > 1}
    )


def by_references(links: Links, dates: Sequence[int], subjects: Sequence[Hashable], replies: Sequence[bool]) -> Forest:
    """REFERENCES. `subjects` are collated base subjects; `replies` says which had marks of a reply or forward."""
    count = len(links)
    rank = [0] * count
    for place, message in enumerate(_by_date(dates)):
        rank[message] = place
    roots, children = _prune(count, _link(links))
    _sort(count, roots, children, rank)
    firsts = [root if root < count else children[root][0] for root in roots]
    roots = _gather(count, roots, children, [subjects[first] for first in firsts], replies)
    _sort(count, roots, children, rank)
    return Forest(count, roots, children)


def _sort(count: int, roots: list[int], children: dict[int, list[int]], rank: list[int]) -> None:
    """Siblings by their ranks, dummies by those of their first children; the ranks of dummies are added."""
    for siblings in children.values():
        if len(siblings) > 1:
            siblings.sort(key=rank.__getitem__)
    rank.extend([0] * (max(roots, default=0) + 1 - len(rank)))
    for root in roots:
        if root >= count:
            rank[root] = rank[children[root][0]]
    roots.sort(key=rank.__getitem__)


def _by_date(dates: Sequence[int]) -> list[int]:
    """Messages by the date they were sent, then by their place in the mailbox (section 2.2)."""
    return sorted(range(len(dates)), key=dates.__getitem__)


def _link(links: Links) -> list[int]:
    """Step 1: the parent of every node, -1 for none; dummies follow the messages."""
    count = len(links)
    nodes: dict[int, int] = {}
    for message, ids in enumerate(links):
        if ids[0]:
            nodes.setdefault(ids[0], message)
    most = _most(links)
    tree = _Tree(count)
    parents = tree.parents
    for message, ids in enumerate(links):
        previous = -1
        if len(ids) > 1:
            for number in ids[max(1, len(ids) - most) :]:
                node = nodes.get(number)
                if node is None:
                    node = nodes[number] = tree.add()
                if previous >= 0 and parents[node] < 0:
                    tree.link(node, previous)
                previous = node
        if parents[message] != previous:
            tree.cut(message)
            if previous >= 0:
                tree.link(message, previous)
    return parents


def _most(links: Links) -> int:
    """How many references of each message are looked at."""
    total = sum(map(len, links))
    return total if total <= MAX_LINKS else max(1, MAX_LINKS // len(links))


class _Tree:
    """Parents of nodes; never a loop."""

    __slots__ = ("_children", "_steps", "parents")

    def __init__(self, count: int) -> None:
        self.parents = [-1] * count
        self._children = [0] * count
        self._steps = STEPS

    def add(self) -> int:
        """One more node."""
        self.parents.append(-1)
        self._children.append(0)
        return len(self.parents) - 1

    def cut(self, node: int) -> None:
        """Take a node from its parent."""
        parent = self.parents[node]
        if parent >= 0:
            self._children[parent] -= 1
            self.parents[node] = -1

    def link(self, node: int, parent: int) -> None:
        """Give a node without a parent one, unless that would make a loop."""
        if node == parent or (self._children[node] and self._descends(parent, node)):
            return
        self.parents[node] = parent
        self._children[parent] += 1

    def _descends(self, node: int, ancestor: int) -> bool:
        """Whether a node is below another, as far as we may look."""
        parents = self.parents
        while node >= 0:
            if node == ancestor:
                return True
            node = parents[node]
            self._steps -= 1
            if self._steps < 0:
                return True
        return False


def _prune(count: int, parents: Sequence[int]) -> tuple[list[int], dict[int, list[int]]]:
    """Steps 2 and 3: roots and children without the dummies that are not needed."""
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    tops = _tops(count, parents)
    for message in range(count):
        parent = parents[message]
        if parent >= count:
            parent = tops[parent - count]
        if parent < 0:
            roots.append(message)
        else:
            children.setdefault(parent, []).append(message)
    for node in [node for node in children if node >= count]:
        if len(children[node]) == 1:
            roots += children.pop(node)
        else:
            roots.append(node)
    return roots, children


def _tops(count: int, parents: Sequence[int]) -> list[int]:
    """For every dummy: the message above it, else the topmost dummy."""
    tops = [-1] * (len(parents) - count)
    for dummy in range(count, len(parents)):
        path = []
        node = dummy
        while node >= count and tops[node - count] < 0:
            path.append(node)
            if parents[node] < 0:
                break
            node = parents[node]
        top = tops[node - count] if node >= count and tops[node - count] >= 0 else node
        for one in path:
            tops[one - count] = top
    return tops


def _gather(
    count: int, roots: list[int], children: dict[int, list[int]], subjects: Sequence[Hashable], replies: Sequence[bool]
) -> list[int]:
    """Step 5: threads with the same subject become one. `subjects` are those of the roots."""
    table: dict[Hashable, int] = {}
    for root, subject in zip(roots, subjects, strict=True):
        if not subject:
            continue
        held = table.setdefault(subject, root)
        if held < count and (root >= count or (replies[held] and not replies[root])):
            table[subject] = root
    left = dict.fromkeys(roots)
    new = max([count, *(node + 1 for node in children)])
    for root, subject in zip(roots, subjects, strict=True):
        held = table[subject] if subject else root
        if held == root or root not in left:
            continue
        del left[root]
        if held >= count:
            children[held] += children.pop(root) if root >= count else [root]
        elif replies[root] and not replies[held]:
            children.setdefault(held, []).append(root)
        else:
            del left[held]
            children[new] = [held, root]
            table[subject] = new
            left[new] = None
            new += 1
    return list(left)
