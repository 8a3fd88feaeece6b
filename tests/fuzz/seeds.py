"""Where fuzzing starts from: what the ordinary tests say, and the words of each grammar."""

from collections.abc import Iterator

from imap.wire import syntax
from tests.imap import dialogues
from tests.mime.samples import DIFFICULT, NESTED, corpus
from tests.mime.test_scanning import MARKS

SCRIPTS = (
    b'if header :matches "subject" ["*?", "c"] { fileinto "x${1}"; } elsif size :over 2K { discard; }',
    b'if anyof (not address :domain "from" "b.fr", body :contains "d") { setflag "\\\\Seen"; keep; } else { stop; }',
    b'foreverypart { if header :mime :type "content-type" "text" { extracttext "a"; break; } } set "b" "${a}";',
    b'vacation :days 3 text:\n..\n.\n; notify "mailto:a@b.fr?body=%20"; addheader "X" "1"; deleteheader "X";',
    b'foreverypart { replace :mime "a\r\n\r\n${a}"; } enclose :headers "to" "b"; replace :subject "c" "d"; keep;',
    b'if header :regex "subject" "(c|d)+" { redirect "${1}@b.fr"; } include :optional "y"; # z\n',
)


def of(target: str) -> Iterator[bytes]:
    """Inputs that the target understands."""
    match target:
        case "imap":
            for path in sorted(dialogues.FOLDER.glob("*.txt")):
                said = [line.text for line in dialogues.read(path).lines if line.said_by_client]
                yield bytes((2, 0, 64, 9, 1, 33)) + "\r\n".join((*said, "")).encode()
                for line in said:
                    yield bytes((1, 1, 3, 5, 7, 11)) + line.encode() + b"\r\n"
        case "names":
            yield from (b"INBOX/x", b"&AOk-t&AOk-", "Élèves/3e".encode(), b"a&-b", b"&2D3eCg-", b"&AOkA6Q-")
        case "mime":
            yield NESTED
            yield from DIFFICULT.values()
            for path in corpus():
                octets = path.read_bytes()
                if len(octets) < 20_000:
                    yield octets
        case "subject":
            yield from (
                b"Re: [a] Fwd: b (fwd)",
                b"[fwd: re: x]",
                b"=?utf-8?q?R=C3=A9?=: x",
                b"re [a][b]:: x (fwd)(fwd)",
            )
        case "thread":
            yield bytes(range(64))
            yield bytes((11, *(n % 16 for n in range(1, 240, 3))))
        case "ldap":
            yield bytes.fromhex("300c020101600702010304008000")
            yield bytes.fromhex("3025020102632004000a01020a0103020100020100010100870b6f626a656374436c6173733000")
            yield bytes.fromhex("a017a3090403756964040261 62a40a0402736e30048102647578".replace(" ", ""))
            yield bytes.fromhex("a90f8102312e8202736e83026475840101".replace(" ", "") + "ff")
        case "sasl":
            yield from (b"AGVkdXBvbnQAeA==", b"=", b"\0edupont\0secret", b"admin\0edupont\0secret")
        case "sieve":
            message = b"From: a@b.fr\r\nSubject: c\r\n\r\nd\r\n"
            for script in SCRIPTS:
                yield bytes((1, len(message))) + message + script


def words(target: str) -> Iterator[bytes]:
    """Words that a mutator may put anywhere."""
    match target:
        case "imap":
            yield from (
                b"\r\n",
                b"\n",
                b"{0}\r\n",
                b"{3+}\r\nabc",
                b"~{3+}\r\na\0c",
                b'"',
                b"\\Seen",
                b"1:*",
                b"DONE\r\n",
                b"NIL",
            )
            yield from syntax._COMMANDS
            yield b"UID "
        case "mime":
            yield from MARKS
        case "names":
            yield from (b"&", b"-", b"&AOk-", b"INBOX", b"/", b"\xc3\xa9", b"+", b",")
        case "subject":
            yield from (b"re", b"fwd", b"fw", b":", b"[", b"]", b"(fwd)", b"[fwd:", b"=?utf-8?b?", b"?=", b" ")
        case "ldap":
            yield from (
                bytes((tag,)) for tag in (0x30, 0x04, 0x02, 0x0A, 0x63, 0x60, 0xA0, 0xA1, 0xA2, 0xA4, 0xA9, 0x87)
            )
            yield from (b"objectClass", b"uid", b"mail", b"caseIgnoreMatch", b"2.5.13.2", b"\x84\xff\xff\xff\xff")
        case "sasl":
            yield from (b"=", b"\0", b"AA==", b"\xc3\xa9")
        case "sieve":
            yield from (b'"', b"{", b"}", b"(", b")", b"[", b"]", b";", b",", b" ", b"\n", b"${", b"\\", b"/*")
            yield from (b":is", b":matches", b"if ", b"not ", b"anyof (", b"true", b"text:\n", b"\n.\n", b"keep;")
            yield from (b"stop;", b'set "a" "', b"header ")
