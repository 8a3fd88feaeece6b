"""IMAP on the wire, without any input or output: octets to commands, answers to octets.

The way in: `framing.Framer` cuts the stream into complete commands and holds every limit; it knows lines
and literals and nothing else. `syntax.parse` turns one command's octets into one frozen value of `commands`
or raises `BadCommand` with the tag. The way out: `responses`, `codes` and `fetch` turn values into
octets.

Rules that hold here:

* Frame, then parse: a literal's octets are cut out before any grammar looks, and the grammar sees only
  where one stood. They can never be read as syntax, nor run as commands, whatever the command around them.
* Strict: lines end with CR LF. A bare LF or CR is refused, and the rest of its line with it: a client that
  lets somebody else's text into its commands would otherwise run that person's commands.
* Every buffer, count and depth has a limit, given by the caller, smaller before login than after.
* Parsers are linear in their input, and raise nothing but `errors.BadSyntax`.
* Nothing here knows the session: whether a command is legal now, or an extension announced, is decided
  above. Two facts of the session shape the octets and are passed as arguments: whether the client enabled
  UTF-8, and which limits hold.
"""
