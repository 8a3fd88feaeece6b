"""What a letter gives away that leaves for the outside (data loss prevention): passwords, personal numbers, accounts.

    detectors   numbers in a text, by their form and their check digits     Kind, Finding, numbers
    passwords   words of a text that may be somebody's password             candidates
    reading     what a letter says: its parts, the names of its files, its documents  read
    checker     all of a letter, its attached documents included            OutgoingCheck

What is found is never logged, never recorded, and shown masked.
"""
