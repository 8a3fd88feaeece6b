"""What administrators look up and do in the console, as units: a reading is one snapshot, an act stands in one
transaction with its row in the audit.

* `overview`, `schools`, `account_sheet`: the facts behind these pages;
* `audit_access`: that somebody entered the console, looked for messages, took the record away or verified it;
* `rules`: the table of populations and the brake, with what the brake holds in the queue.
"""
