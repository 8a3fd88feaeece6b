"""What a person takes along: everything an account holds, as one zip file in formats that other programs read.

    LISEZMOI.txt                 what is in it, in both languages
    profil.json                  who they are and what the service keeps about them
    messages/INBOX.mbox          one mbox per folder (`mbox`), flags in the fields that mail programs use for them
    agendas/Agenda.ics           one iCalendar file per agenda or task list (`calendars`)
    contacts/Contacts.vcf        one vCard file per address book
    filtres/principal.sieve      one Sieve script each

The archive is made while it is sent (`archive`): one message at a time is in memory, whatever the mailbox's size, and
nothing waits on disk. Everything is read in short snapshots, so a message that arrives meanwhile may or may not be in
it; `chosen` reads the messages that somebody chose in a list in the same way. All of it runs in a thread of its
caller's (the console, a request of the web interface), never on the event loop.
"""
