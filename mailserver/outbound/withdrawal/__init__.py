"""Taking a message back from every mailbox, and thanking who reported it.

* `service` says what an act would reach, begins and undoes it, and does the work in the background; `thanks` tells
  people what became of their reports.

The act is a row; whoever has its lease works it off in short units (`mailserver.store.withdrawal`), so that a killed
worker costs some seconds. Further copies are turned away by `mailserver.policy.rules.refused_copies`.
"""
