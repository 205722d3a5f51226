"""What a learner can mend, in one line."""


class CourseError(Exception):
    """The command cannot be carried out; the message says why, and what to do."""
