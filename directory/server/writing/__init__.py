"""Changing the tree: each update is one unit of the store, by the same rules and with the same audit as the command.

How an update is done. What the client wrote is applied to the entry's attributes as RFC 4511 says, held to the
schema, and handed to the writer of its kind, which turns attributes into what the services know: a new name, an
alias, a state. Then the entry is read again, and every attribute that the client touched must say what the
client wrote. So nothing is silently left out: what follows from something else (`o` from `acadUAI`, `cn` from the
names) or cannot be kept is refused, and the unit with it.

    units      the four updates, each as one function of a transaction
    desk       what a unit works with, and the last check
    people     inetOrgPerson with acadPerson: accounts, through enrolment and the life of accounts
    contacts   inetOrgPerson without it: entries of the address book that claim nothing and never log in
    lists      distribution lists and functional boxes
    schools    schools by their UAI
    terms      classes and groups of a school, functions and disciplines of the academy

What an administrator cannot do over LDAP: change an identifier, undo the claim on a name, move an entry to another
branch, or write what the service keeps (numbers, times, classes that follow from what an entry is).
"""
