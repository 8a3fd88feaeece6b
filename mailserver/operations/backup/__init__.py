"""Backups: what an instance holds, kept encrypted in another place by restic, and read back before it is believed.

A backup is four snapshots of restic's that have one `backup=ID` among their tags: `part=database`, `part=messages`,
`part=settings` and, when all of them were verified, `part=manifest`. Without the last it does not count.
"""
