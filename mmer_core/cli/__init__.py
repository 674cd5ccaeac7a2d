"""The command line, one file per command: `add_arguments(parser)` and `run(args) -> exit status`. Heavy
imports happen in `run`.
"""
