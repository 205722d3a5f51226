"""What a learner runs in a terminal: the `course` command, one file a subcommand.

It stands in `grader` because it shows the grader's reports, and `course` does not know the grader.
"""
