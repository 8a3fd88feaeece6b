"""Access rights, REPLACE and RENAME."""

from tests.faults.fault import Fault

ACTS = "mailserver/store/mail/access/acts.py"
FOLDERS = "mailserver/store/mail/access/folders.py"
MAILBOXES = "mailserver/store/mail/mailboxes.py"

FAULTS = (
    Fault(
        "copy-without-read",
        "COPY takes messages out of a mailbox that one may not read.",
        ACTS,
        'require(tx, viewer, source_id, "r")',
        'require(tx, viewer, source_id, "l")',
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "copy-keeps-every-flag",
        "COPY sets flags in a mailbox where one may not.",
        ACTS,
        "    copied = messages.copy(\n"
        "        tx,\n"
        "        owner,\n"
        "        source_id,\n"
        "        target.box.id,\n"
        "        uids,\n"
        "        quota,\n"
        "        target_account=target.box.account_id,\n"
        "        keep=changeable(held[target.box.id]),\n",
        "    copied = messages.copy(\n"
        "        tx,\n"
        "        owner,\n"
        "        source_id,\n"
        "        target.box.id,\n"
        "        uids,\n"
        "        quota,\n"
        "        target_account=target.box.account_id,\n",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "expunge-with-delete-alone",
        "EXPUNGE with the right to flag \\Deleted and not to expunge.",
        ACTS,
        'require(tx, viewer, mailbox_id, "e")',
        'require(tx, viewer, mailbox_id, "t")',
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "flags-beyond-rights",
        "STORE FLAGS takes away the flags that one may not change.",
        ACTS,
        "wanted, unchanged_since, only=keep)",
        "wanted, unchanged_since)",
        ("tests/store/test_access.py",),
    ),
    Fault(
        "hidden-mailbox-is-told",
        "Who may not look a mailbox up hears that it is there.",
        "mailserver/store/mail/access/reaching.py",
        '    if "l" not in rights:\n',
        "    if False:\n",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "rights-by-who-may-look",
        "Whoever sees a mailbox gives rights on it to others.",
        "mailserver/store/mail/access/acl.py",
        'box = find(tx, viewer, name, "a").box\n    mailboxes.lock',
        'box = find(tx, viewer, name, "l").box\n    mailboxes.lock',
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "owner-loses-rights",
        "SETACL takes the owner's rights away.",
        "mailserver/store/mail/access/acl.py",
        "    if identifier == owner_name(tx, box.account_id):\n        if negative",
        "    if False:\n        if negative",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "replace-without-expunge",
        "REPLACE removes a message without the right to expunge.",
        ACTS,
        'require(tx, viewer, source_id, "te")',
        'require(tx, viewer, source_id, "t")',
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "replace-of-what-is-gone",
        "REPLACE of a message that is gone meanwhile stores the new one all the same.",
        ACTS,
        "    if not old:\n        raise Refused(Reason.NOT_FOUND",
        "    if False:\n        raise Refused(Reason.NOT_FOUND",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "replace-grows-without-quota",
        "REPLACE by a larger message goes beyond the quota.",
        ACTS,
        "    elif prepared.size > old[0][1]:\n",
        "    elif False:\n",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "replace-into-a-full-mailbox-of-others",
        "REPLACE into a mailbox of somebody else goes beyond their quota.",
        ACTS,
        "    if owner != receiver:\n        messages.check_quota(tx, receiver, quota, prepared.size, 1)",
        "    if owner != receiver:\n        pass",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "replace-keeps-every-flag",
        "REPLACE sets flags in a mailbox where one may not.",
        ACTS,
        "wanted = permitted(flags, changeable(held[box.id]))\n    mask",
        "wanted = tuple(flags)\n    mask",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "rename-takes-subfolders-along",
        "RENAME moves mailboxes below that one may not remove.",
        FOLDERS,
        '            check(rights_on(tx, viewer, owner, known.id), "x")\n',
        "            pass\n",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "rename-below-what-may-not-grow",
        "RENAME puts a mailbox below one where nothing may be made.",
        FOLDERS,
        "        _check_create(tx, viewer, owner, _above(inner, boxes))\n    mailboxes.rename",
        "        pass\n    mailboxes.rename",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "rename-changes-the-owner",
        "RENAME from one's own name to a place of somebody else's renames at the owner.",
        FOLDERS,
        "    if owner != box.account_id:\n",
        "    if False:\n",
        ("tests/store/test_each_right.py",),
    ),
    Fault(
        "rename-onto-a-child",
        "RENAME of a tree onto names that are taken below makes two mailboxes of one name.",
        MAILBOXES,
        " or staying & set(moving.values()):",
        ":",
        ("tests/store/test_mailboxes.py",),
    ),
    Fault(
        "rename-below-itself",
        "RENAME of a mailbox below itself makes a tree that nobody can reach.",
        MAILBOXES,
        "    if new.startswith(old + SEPARATOR):\n",
        "    if False:\n",
        ("tests/store/test_mailboxes.py",),
    ),
    Fault(
        "rename-makes-names-too-long",
        "RENAME makes the names of mailboxes below longer than a name may be.",
        MAILBOXES,
        "    for target in moving.values():\n        check_name(target)\n",
        "",
        ("tests/store/test_mailboxes.py",),
    ),
    Fault(
        "rename-into-the-namespace-of-others",
        "RENAME gives one's own mailbox a name of somebody else's.",
        MAILBOXES,
        '    if name.partition(SEPARATOR)[0] in RESERVED:\n        raise Refused(Reason.CANNOT, "This',
        '    if False:\n        raise Refused(Reason.CANNOT, "This',
        ("tests/store/test_mailboxes.py",),
    ),
)
