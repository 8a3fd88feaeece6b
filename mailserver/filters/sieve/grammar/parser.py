"""The grammar of RFC 5228 section 8.2, by recursive descent; nesting is bounded, so Python's stack is."""

from collections.abc import Iterator

from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.lexer import Token, tokens
from mailserver.filters.sieve.grammar.tree import Argument, Node, Number, TagWord, Words
from mailserver.filters.sieve.limits import Limits
from mailserver.texts.text import Text


def parse(source: str, limits: Limits) -> tuple[tuple[Node, ...], int]:
    """The commands of a script whose lines end with LF, and how many levels they have. Raises Fault."""
    parser = _Parser(tokens(source), limits)
    return parser.script(), parser.blocks + parser.tests


class _Parser:
    def __init__(self, stream: Iterator[Token], limits: Limits) -> None:
        self._stream = stream
        self._token = next(stream)
        self._limits = limits
        self._left = limits.commands
        self.blocks = 0
        """The deepest level of blocks so far."""
        self.tests = 0
        """The same of tests."""

    def script(self) -> tuple[Node, ...]:
        commands = self._commands(0)
        if self._token.kind != "end":
            raise self._unexpected()
        return commands

    def _next(self) -> Token:
        token, self._token = self._token, next(self._stream, self._token)
        return token

    def _take(self, kind: str) -> bool:
        if self._token.kind != kind:
            return False
        self._next()
        return True

    def _unexpected(self) -> Fault:
        token = self._token
        if token.kind == "end":
            return Fault(token.at, Text("Le script s’arrête au milieu d’une commande ou d’un bloc."))
        return Fault(token.at, Text("« {word} » n’a pas sa place ici.", word=_shown(token)))

    def _commands(self, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while self._token.kind == "word":
            found.append(self._command(depth))
        return tuple(found)

    def _count(self, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            most = self._limits.commands
            raise Fault(self._token.at, Text("Ce script a plus de {most} commandes et tests.", most=most))
        if depth > self._limits.nesting:
            most = self._limits.nesting
            raise Fault(self._token.at, Text("Plus de {most} niveaux sont emboîtés ici.", most=most))

    def _command(self, depth: int) -> Node:
        self._count(depth)
        self.blocks = max(self.blocks, depth)
        name = self._next()
        arguments = self._arguments()
        tests, listed = self._tests(0)
        if self._take(";"):
            return Node(name.text, name.at, arguments, tests, listed)
        if not self._take("{"):
            raise self._no_end(name)
        block = self._commands(depth + 1)
        if not self._take("}"):
            raise self._unexpected()
        return Node(name.text, name.at, arguments, tests, listed, block)

    def _no_end(self, name: Token) -> Fault:
        if self._token.kind == "word" or self._token.kind in ("end", "}"):
            return Fault(self._token.at, Text("Il manque « ; » à la fin de « {name} ».", name=name.text[:40]))
        return self._unexpected()

    def _arguments(self) -> tuple[Argument, ...]:
        found: list[Argument] = []
        while True:
            token = self._token
            if token.kind == "string":
                self._next()
                found.append(Words((token.text,), token.at, (token.at,), False))
            elif token.kind == "tag":
                self._next()
                found.append(TagWord(token.text, token.at))
            elif token.kind == "number":
                self._next()
                found.append(Number(token.value, token.at))
            elif token.kind == "[":
                found.append(self._list())
            else:
                return tuple(found)

    def _list(self) -> Words:
        start = self._next()
        values: list[str] = []
        places: list[int] = []
        while True:
            if self._token.kind != "string":
                raise self._unexpected()
            token = self._next()
            values.append(token.text)
            places.append(token.at)
            if self._take("]"):
                return Words(tuple(values), start.at, tuple(places), True)
            if not self._take(","):
                raise self._unexpected()

    def _tests(self, depth: int) -> tuple[tuple[Node, ...], bool]:
        if self._token.kind == "word":
            return (self._test(depth),), False
        if not self._take("("):
            return (), False
        found = [self._test(depth)]
        while self._take(","):
            found.append(self._test(depth))
        if not self._take(")"):
            raise self._unexpected()
        return tuple(found), True

    def _test(self, depth: int) -> Node:
        if self._token.kind != "word":
            raise self._unexpected()
        self._count(depth)
        self.tests = max(self.tests, depth + 1)
        name = self._next()
        arguments = self._arguments()
        tests, listed = self._tests(depth + 1)
        return Node(name.text, name.at, arguments, tests, listed)


def _shown(token: Token) -> str:
    prefix = ":" if token.kind == "tag" else ""
    text = prefix + " ".join(token.text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"
