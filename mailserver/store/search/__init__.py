"""The search index, and criteria answered by it.

The index is made in two steps, both far from any delivery. First every new content gets its folded texts, once for all
who hold it (`content_texts`, `content.indexed`). Then an account with enough contents in no segment gets one more
segment (`segments`). A search (`search`, `texts`) looks at the segments of its account, and at the texts (or, failing
them, the octets) of what is in no segment: the index decides how fast an answer is, never which.
"""
