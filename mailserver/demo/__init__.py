"""The demo academy: `mailserver init DIR --demo` fills a new instance so that every door has something to show.

Three schools, some twenty people, the mail of their last weeks, agendas, contacts, lists. Everything goes
through the functions that real mail and real agendas use, in one transaction; nothing here is special to
the server that serves it afterwards. The same clock gives the same academy: dates follow from now, and
nothing else is random but one password that nobody knows.

* `people`: schools, persons, lists, correspondents elsewhere. `moments`: dates that fall on school days.
* `letter`: what a message of the demo says of itself. `staffroom`, `families`, `office`, `pupils`, `series`: the
  messages. `files`: what is attached.
* `delivery`: letters become messages in folders. `timetable`, `contacts`: what the agendas hold.
* `academy`: all of it in order, and the list of accounts that is printed.
"""

from mailserver.demo.academy import populate, print_demo

__all__ = ["populate", "print_demo"]
