"""`grader feedback`: write a page for each graded submission, and hand the pages out."""

import argparse

from grader.commands.console import command, console


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    feedback = command(
        commands, "feedback", "write a page for each graded submission", "grader feedback week01 --release"
    )
    feedback.set_defaults(run=run)
    feedback.add_argument("assignment", help="for example week01")
    feedback.add_argument("--student", action="append", metavar="NAME", help="only this one; may be repeated")
    feedback.add_argument("--release", action="store_true", help="hand the pages out through the exchange at once")


def run(options: argparse.Namespace) -> int:
    """Write the pages, and hand them out where that is asked for."""
    from grader.classroom import here
    from grader.exchange import nbgrader
    from grader.feedback import write_feedback

    classroom, week = here(), options.assignment
    written = write_feedback(classroom, week, options.student)
    if not written:
        console.print(f"Nothing of {week} is graded yet: run `grader autograde {week}` first.")
        return 1
    if not options.release:
        console.print(f"{len(written)} pages. `grader feedback {week} --release` hands them out.")
        return 0
    here_in = {page.parent.parent.name for page in written if (page.parent / "submission_secret.txt").exists()}
    others = {folder.parent.name for folder in classroom.folder("feedback").glob(f"*/{week}")} - here_in
    if here_in:
        excluded = f"--CourseDirectory.student_id_exclude={','.join(sorted(others))}"
        nbgrader(classroom.root, "release_feedback", week, excluded)
        handed_out = sum(page.parent.parent.name in here_in for page in written)
        console.print(f"{handed_out} pages, handed out: `course feedback {week}` fetches a learner's own.")
    elsewhere = sorted({page.parent.parent.name for page in written} - here_in)
    if elsewhere:
        console.print(f"Did not hand in through the exchange: {', '.join(elsewhere)}. Send their pages yourself:")
        console.print(f"{classroom.folder('feedback')}/NAME/{week}/", markup=False)
    return 0
