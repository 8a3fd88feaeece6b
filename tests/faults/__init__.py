"""Faults put into the code on purpose, to see which tests notice: `python -m tests.faults` (tests/README.md).

fault        what a fault is, and where its snippet stands
catalogue    faults with a name, each with the tests that are to catch it: moments, mail, mailboxes, doors
mutations    faults by chance, the same for the same seed
trial        one fault in a copy of the checkout, and what its tests say
"""
