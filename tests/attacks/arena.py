"""Where attacks are let loose: a class of their own, with something to find, to break, to call and to wait for."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path

from attack import Attack

from grader.judge import Assignment
from grader.shipping import standing_alone

WEEK, NOTEBOOK = "week01", "attention"
HONEST = {"softmax": 4.0, "causal_mask": 2.0}


class Arena:
    """A class folder with canaries beside it.

    Args:
        place: an empty folder.
        course: the course's root, whose files no attack may read or change.
        week: the assignment.
    """

    def __init__(self, place: Path, course: Path, week: Assignment):
        self.submitted, self._course, self._week = place / "submitted", course, week
        self.canary, self.secret = place / "canary", place / "secret.txt"
        self.submitted.mkdir()
        self.canary.mkdir()
        (self.canary / "kept").write_text("kept")
        self.secret.write_text("the instructor's own: 20170612")
        self.secret.chmod(0o600)
        self._before = self.outside()
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(self._listener.getsockname())
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._listen_to_datagrams, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        for one in (self._listener, self._datagrams):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def outside(self) -> dict:
        """What lies outside every submission: names, contents, modes."""
        paths = [self.secret, *sorted(self.canary.rglob("*"))] if self.canary.is_dir() else []
        return {str(path): (path.read_bytes(), path.lstat().st_mode) for path in paths if path.is_file()}

    def unharmed(self) -> bool:
        """Whether nothing outside has changed and nothing was heard."""
        return self.outside() == self._before and not self.heard

    def restored(self) -> None:
        """Put back what was changed."""
        self.canary.mkdir(exist_ok=True)
        for path in self.canary.iterdir():
            path.unlink()
        for path, (content, mode) in self._before.items():
            Path(path).write_bytes(content)
            Path(path).chmod(mode)
        self.heard.clear()

    def hand_in(self, student: str, attack: Attack) -> Path:
        """Put the submission of `attack` where the class's lie, under the name `student`; return its path."""
        path = self.submitted / student / WEEK / f"{NOTEBOOK}.ipynb"
        path.parent.mkdir(parents=True)
        if attack.place:
            attack.place(path, self.secret)
        elif attack.file is not None:
            path.write_bytes(attack.file)
        else:
            path.write_bytes(json.dumps(self.notebook(attack)).encode())
        for name, content in attack.beside.items():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_bytes(self._filled(content.decode("latin-1")).encode("latin-1"))
        return path

    def hand_in_honestly(self, student: str) -> Path:
        """Hand in two right answers and six stubs."""
        return self.hand_in(student, Attack("honest", "", "", {"softmax": self._right("softmax")}))

    def notebook(self, attack: Attack) -> dict:
        """The notebook of an attack, as nbformat JSON."""
        answers = {"causal_mask": self._right("causal_mask")} | attack.answers
        notebook = json.loads(json.dumps(self._week.template))
        for cell in notebook["cells"]:
            if (name := cell["metadata"]["nbgrader"]["grade_id"]) in answers:
                cell["source"] = self._filled(answers[name])
        if attack.edit:
            attack.edit(notebook)
        return json.loads(self._filled(json.dumps(notebook)))

    def _right(self, name: str) -> str:
        one = self._week.loaded[name]
        return standing_alone(one, name)

    def _filled(self, text: str) -> str:
        known = {"CANARY": self.canary, "SECRET": self.secret, "COURSE": self._course}
        known["PORT"] = self._listener.getsockname()[1] if hasattr(self, "_listener") else 9
        for word, value in known.items():
            text = text.replace(f"@{word}@", str(value))
        return text

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.heard.append(b"a connection")
                connection.close()

    def _listen_to_datagrams(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.heard.append(self._datagrams.recv(1 << 16) or b"a datagram")


def beneath(process: int) -> set[int]:
    """The processes that `process` started, and those that they started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found, waiting = set(), [process]
    while waiting:
        above = waiting.pop()
        children = {child for child, parent in parents.items() if parent == above} - found
        found |= children
        waiting += children
    return found


def resident_mb() -> float:
    """This process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
