"""The ManageSieve door (RFC 5804): people's programs read and write their Sieve scripts.

    framing       octets to commands, with every bound; no input or output
    replies       answers, capabilities
    connection    octets in and out, TLS, time limits
    conversation  commands
    server        opens the port

Rules: passwords are taken under TLS, or from this machine; what a script may be, and whose it is, is the service's to
say (`mailserver.filters`); nothing of a script is obeyed as a command, however a connection is cut or pipelined.
"""
