"""The command line, one module per command family. Argument parsing and printing only: the work is done by
services, in this process, whether or not a server is running over the same store.

Exit codes everywhere: 0 done; 1 done in part or refused (the output says what); 2 the call, the settings or
the machine do not allow it (one line on standard error).
"""
