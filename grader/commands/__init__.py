"""The `grader` command's own commands: a file each, with `add_parser(commands)` and `run(options)`.

What a command needs is imported when it runs: help and mistakes are there at once.
"""
