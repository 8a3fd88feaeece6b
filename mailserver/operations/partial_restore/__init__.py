"""A part of a backup comes back beside what is there, while the instance is served.

Nothing is written over, and nothing is put twice where it is: a restore that was killed is simply begun again. What the
academy took back, what holds a virus and what was erased on purpose stays away; quotas hold. Each is on record, and
its owner is told. Everything here blocks: for threads.
"""
