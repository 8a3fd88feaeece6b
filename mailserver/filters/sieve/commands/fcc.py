"""`:fcc` (RFC 8580): where a copy of what a script sends goes."""

from collections.abc import Callable

from mailserver.filters.sieve.commands.actions import (
    CREATE,
    MAILBOX_ID,
    SPECIAL_USE,
    is_mailbox,
    mailbox_name,
    special_use,
)
from mailserver.filters.sieve.commands.flags import FLAGS_TAG, flags_of
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.interface import Fcc
from mailserver.filters.sieve.machine import Machine
from mailserver.texts.text import Text

FCC_TAGS = (Tag("fcc", Kind.STRING, extension="fcc"), CREATE, FLAGS_TAG, SPECIAL_USE, MAILBOX_ID)

CopyOf = Callable[[Machine], Fcc | None]


def fcc(compiler: Compiler, call: Call) -> CopyOf | None:
    """Where the copy goes; None without the tag. Raises Fault."""
    words = call.tag_words("fcc")
    if words is None:
        for tag in (CREATE, FLAGS_TAG, SPECIAL_USE, MAILBOX_ID):
            if call.has(tag.name):
                at = call.places[tag.name]
                raise Fault(at, Text("« {tag} » ne va pas sans « {other} ».", tag=f":{tag.name}", other=":fcc"))
        return None
    name = mailbox_name(compiler, words)
    flags = flags_of(compiler, call) if call.has("flags") else None
    create, use = call.has("create"), special_use(compiler, call)
    by_id = call.tag_words("mailboxid")
    object_id = compiler.constant(by_id, ":mailboxid") if by_id is not None else ""

    def made(machine: Machine) -> Fcc | None:
        by_number = machine.host.mailbox_by_id(object_id) if object_id else None
        mailbox = by_number or name(machine)
        if not is_mailbox(mailbox):
            return None
        return Fcc(mailbox, flags(machine) if flags is not None else (), create, use(machine))

    return made


EXTENSIONS = ("fcc",)
