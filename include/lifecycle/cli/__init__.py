"""The command line. It reads the clock, prints, and turns errors into exit codes; nothing else lives here.

Exit codes: 0 done, 1 a promise is broken or a check failed, 2 bad usage or configuration, 3 waiting for
approval, 130 interrupted.
"""
