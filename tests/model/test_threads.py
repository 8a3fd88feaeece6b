"""Threading against the RFC's words written down plainly, and against hostile references."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.messages import threads
from mailserver.model.messages.threads import Forest
from tests.examples import examples

Shape = list[object]
"""Threads as nested lists: [message, child, child …], None for a dummy."""


def shape(forest: Forest) -> Shape:
    def tree(node: int) -> Shape:
        return [node if node < forest.count else None, *map(tree, forest.children.get(node, []))]

    return [tree(root) for root in forest.roots]


@dataclass(eq=False)
class Node:
    """A message or dummy of the plain implementation."""

    number: int | None
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)

    def cut(self) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def put_under(self, parent: "Node") -> None:
        node: Node | None = parent
        while node is not None:
            if node is self:
                return
            node = node.parent
        self.parent = parent
        parent.children.append(self)


def plain(links: list[list[int]], dates: list[int], subjects: list[str], replies: list[bool]) -> Shape:
    """RFC 5256 BASE.6.4.THREAD, REFERENCES, step by step."""
    nodes = [Node(number) for number in range(len(links))]
    table: dict[int, Node] = {}
    for number, ids in enumerate(links):
        if ids[0] and ids[0] not in table:
            table[ids[0]] = nodes[number]
    dummies: list[Node] = []
    for number, ids in enumerate(links):  # (1)
        previous: Node | None = None
        for one in ids[1:]:
            node = table.get(one)
            if node is None:
                node = table[one] = Node(None)
                dummies.append(node)
            if previous is not None and node.parent is None:
                node.put_under(previous)
            previous = node
        if nodes[number].parent is not previous:
            nodes[number].cut()
            if previous is not None:
                nodes[number].put_under(previous)
    root = Node(None)  # (2)
    root.children = [node for node in nodes + dummies if node.parent is None]

    def prune(node: Node, top: bool) -> None:  # (3)
        kept: list[Node] = []
        for child in node.children:
            prune(child, False)
            if child.number is not None:
                kept.append(child)
            elif child.children and (not top or len(child.children) == 1):
                kept += child.children
            elif child.children:
                kept.append(child)
        node.children = kept

    prune(root, True)

    def key(node: Node) -> tuple[int, int]:
        if node.number is None:
            node.children.sort(key=key)
            return key(node.children[0])
        return dates[node.number], node.number

    root.children.sort(key=key)  # (4)

    def subject(node: Node) -> str:
        number = node.number if node.number is not None else node.children[0].number
        assert number is not None
        return subjects[number]

    def reply(node: Node) -> bool:
        return node.number is not None and replies[node.number]

    by_subject: dict[str, Node] = {}  # (5)
    for node in root.children:
        text = subject(node)
        if not text:
            continue
        held = by_subject.get(text)
        if held is None or (held.number is not None and (node.number is None or (reply(held) and not reply(node)))):
            by_subject[text] = node
    for node in list(root.children):
        text = subject(node)
        if not text or by_subject[text] is node:
            continue
        held = by_subject[text]
        root.children.remove(node)
        if held.number is None and node.number is None:
            held.children += node.children
        elif held.number is None or (reply(node) and not reply(held)):
            held.children.append(node)
        else:
            root.children.remove(held)
            both = by_subject[text] = Node(None, children=[held, node])
            root.children.append(both)

    def sort(node: Node) -> None:  # (6)
        for child in node.children:
            sort(child)
        node.children.sort(key=key)

    sort(root)

    def told(node: Node) -> Shape:
        return [node.number, *map(told, node.children)]

    return [told(node) for node in root.children]


IDS = st.integers(0, 12)
MESSAGES = st.lists(
    st.tuples(
        st.lists(st.integers(1, 12), max_size=6),
        IDS,
        st.integers(0, 6),
        st.sampled_from(["", "A", "B", "C"]),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=examples(200), deadline=None)
@given(MESSAGES)
def test_references_like_the_plain_algorithm(messages: list[tuple[list[int], int, int, str, bool]]) -> None:
    links = [[own, *references] for references, own, *_ in messages]
    dates = [message[2] for message in messages]
    subjects = [message[3] for message in messages]
    replies = [message[4] for message in messages]
    assert shape(threads.by_references(links, dates, subjects, replies)) == plain(links, dates, subjects, replies)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "A", "B"])), max_size=10))
def test_by_subject(messages: list[tuple[int, str]]) -> None:
    """Every message once; threads by their first message's date; no grandchildren; one subject each."""
    dates, subjects = [message[0] for message in messages], [message[1] for message in messages]
    forest = threads.by_subject(dates, subjects)
    expected = []
    for text in dict.fromkeys(subjects):
        group = sorted((dates[number], number) for number in range(len(messages)) if subjects[number] == text)
        expected.append(group)
    expected.sort()
    assert shape(forest) == [[group[0][1], *([number] for _, number in group[1:])] for group in expected]


def test_duplicates_and_self_references() -> None:
    links = [[1], [1, 1], [2, 2, 1], [0, 9, 9, 9], [0]]
    forest = threads.by_references(links, [0] * 5, [""] * 5, [False] * 5)
    assert shape(forest) == plain(links, [0] * 5, [""] * 5, [False] * 5)


def _whole(links: list[list[int]]) -> Forest:
    """Thread; every message is in the answer."""
    count = len(links)
    forest = threads.by_references(links, list(range(count)), [""] * count, [False] * count)
    found = set(forest.roots).union(*forest.children.values())
    assert found >= set(range(count))
    return forest


def test_a_chain_as_long_as_the_mailbox() -> None:
    count = 50_000
    for order in (range(count), range(count - 1, -1, -1)):
        forest = _whole([[number + 1, number] for number in order])
        assert len(forest.roots) == 1


def test_references_without_end() -> None:
    """More references than any header line of ours keeps, all of them unknown; and many with the same ones."""
    _whole([[1, *range(2, 200_000)], [2]])
    _whole([[number, *range(5000, 5100)] for number in range(1, 4000)])


def test_loops_of_everybody() -> None:
    """Each refers to the next, the last to the first; and trees hung below the end of a long chain, one by one."""
    count = 20_000
    _whole([[number + 1, (number + 1) % count + 1] for number in range(count)])
    chain = [[number + 2, number + 1] for number in range(5000)]
    pairs = [[100_000 + number, 200_000 + number] for number in range(5000)]
    hung = [[200_000 + number, 5001] for number in range(5000)]
    _whole(chain + pairs + hung)
