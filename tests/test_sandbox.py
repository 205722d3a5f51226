# ruff: noqa: E501  (cells stand as students type them)
"""The sandbox: cells run, questions are answered as in this process, and a child can do no harm."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.candidate import CandidateError, Link, LocalChannel, draws, library, steps, tensors
from grader.sandbox import ChildLost, Limits, SandboxError, Zygote, probe, room
from grader.values import same

QUICK = Limits(cell_seconds=3, call_seconds=3, total_seconds=30, memory_mb=512, disk_mb=8, output_kb=16, reply_mb=8)
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def zygote():
    with Zygote(QUICK) as zygote:
        yield zygote


@pytest.fixture(scope="module")
def strict():
    """A zygote of short limits whose children may start processes."""
    limits = Limits(cell_seconds=0.5, call_seconds=5, memory_mb=512, callbacks=50, forks=True, processes=20)
    with Zygote(limits) as zygote:
        yield zygote


@pytest.fixture
def run(zygote):
    """Open a child that runs cells; every child of a test is closed after it, and the next child must be clean."""
    children = []

    def run(*cells):
        children.append(zygote.open([textwrap.dedent(cell) for cell in cells]))
        return children[-1]

    yield run
    for child in children:
        child.close()
        assert not alive(child)
    with zygote.open(["def well(): return 'well'"]) as child:
        assert ask(child, "well") == "well"


def ask(child, name, *args, **kwargs):
    return Link(child).look_up(name)(*args, **kwargs)


def alive(child):
    return child.ending is None


def printed(child, cell=-1):
    assert child.cells[cell].error is None, child.cells[cell]
    return child.cells[cell].stdout


# ---- cells ----


def test_cells_share_a_namespace_and_an_error_does_not_stop_the_next(run):
    child = run("x = 1\nprint('one')", "x = 2\n1/0\nx = 3", "def get(): return x")
    assert [cell.stdout for cell in child.cells] == ["one\n", "", ""]
    name, message, trace = child.cells[1].error
    assert (name, message) == ("ZeroDivisionError", "division by zero")
    assert "line 2" in trace
    assert ask(child, "get") == 2


def test_magics_await_and_shell_lines_do_not_stop_a_cell(run):
    child = run(
        "%matplotlib inline\n%time 1\n!pip install einops\n%pip install einops\nx = 1",
        "import asyncio\nawait asyncio.sleep(0)\ny = x + 1",
        "%%time\nz = y + 1",
        "def get(): return x, y, z",
    )
    assert ask(child, "get") == (1, 2, 3)


def test_a_syntax_error_and_an_exit_are_errors_of_their_cell_alone(run):
    child = run("def (:", "import sys\nsys.exit(3)", "exit()", "raise KeyboardInterrupt", "def f(): return 1")
    assert [cell.error and cell.error[0] for cell in child.cells[:2]] == ["SyntaxError", "SystemExit"]
    assert child.cells[3].error[0] == "KeyboardInterrupt"
    assert ask(child, "f") == 1


def test_a_cell_that_takes_too_long_is_interrupted(strict):
    with strict.open(["while True: pass", "def f(): return 1"]) as child:
        assert child.cells[0].error[0] == "TimeLimit"
        assert ask(child, "f") == 1
    with pytest.raises(ChildLost) as lost:
        strict.open(["x = 1", "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"])
    assert (lost.value.reason, lost.value.cell) == ("time", 1)


def test_output_is_bounded_and_kept_apart(run):
    child = run(
        "import sys\nfor _ in range(10**5): print('x' * 100)\nprint('y' * 10**7, file=sys.stderr)", "print('after')"
    )
    assert child.cells[0].error is None
    assert len(child.cells[0].stdout) == len(child.cells[0].stderr) == 16 << 10
    assert printed(child) == "after\n"


def test_the_seed_decides_what_cells_draw(zygote):
    cell = "import random, torch, numpy as np\nv = (random.random(), torch.rand(()).item(), float(np.random.rand()))\ndef f(): return v"
    drawn = []
    for seed in (1, 1, 2):
        with zygote.open([cell], seed=seed) as child:
            drawn.append(ask(child, "f"))
    assert drawn[0] == drawn[1] != drawn[2]


def test_children_stay_on_the_processors_of_this_side():
    """A worker that has one core of its own keeps its children there."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(before)})
        with (
            Zygote(QUICK) as zygote,
            zygote.open(["import os", "def cores(): return os.sched_getaffinity(0)"]) as child,
        ):
            assert ask(child, "cores") == {max(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_cells_of_any_text_run(run):
    child = run("s = 'a\ud800'", "t = '" + "x" * 100_000 + "'\ndef f(): return len(t)", "\x00", "")
    assert ask(child, "f") == 100_000


# ---- the same replies as in this process ----

ANSWERS = """
import collections, enum, math, numpy as np, torch
from torch import nn

def echo(x, *rest, **named): return x
def fail(kind): raise {"v": ValueError("no"), "k": KeyError("k"), "s": SystemExit(2), "n": NotImplementedError()}[kind]
def change(items, tensor): items.append(1); tensor.zero_(); return None
def count(n):
    for i in range(n): yield torch.full((2,), i)
def apply(f, x): return f(x) + 1
def apply_named(f, x): return f(x, scale=2)
class Odd(Exception): pass
def odd(): raise Odd("strange")
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.inner = nn.Linear(n, n, bias=False)
    def forward(self, x): return self.inner(x).relu()
Pair = collections.namedtuple("Pair", "a b")
class Colour(str, enum.Enum): RED = "red"
class Sub(torch.Tensor): pass
def special():
    return [Pair(1, 2), Colour.RED, torch.ones(2).as_subclass(Sub), nn.Parameter(torch.ones(2)), np.float32(1.5), collections.OrderedDict(a=1)]
def objects(): return [object(), len, Net(2)]
def many(): return {"a": [Net, {"b": (torch.ones(1), None)}]}
"""

VALUES = [
    None, True, 0, -5, 1 << 100, 1.5, float("nan"), float("-inf"), -0.0, 1 + 2j, complex("nan"), "", "text", "x" * 5000, "β\ud800😀",
    b"", b"\x00\xff" * 1000, [], [1, [2, (3, {4, 5}, frozenset({6}))]], (), {1: "a", "b": 2, (1, 2): 3, None: 4, 1.5: 5}, set(),
    torch.float32, torch.randn(3, 4), torch.ones(2, dtype=torch.bfloat16), torch.tensor(5), torch.zeros(0, 3),
    torch.randn(2, dtype=torch.complex128), torch.tensor([True, False]), torch.arange(6, dtype=torch.int16).view(2, 3).T,
    torch.randn(4, requires_grad=True), torch.full((3,), float("nan")), np.arange(4.0), np.array(3), np.array([["a", "bc"]]),
    torch.nn.Parameter(torch.ones(3)),
]  # fmt: skip


@pytest.fixture(scope="module")
def pair(zygote):
    namespace = {}
    exec(ANSWERS, namespace)
    with zygote.open([ANSWERS]) as child:
        assert child.cells[0].error is None, child.cells[0]
        yield Link(LocalChannel(namespace)), Link(child)


def both(pair, question):
    """Ask both sides; return the two outcomes, each a value or an exception's names and message."""
    outcomes = []
    for link in pair:
        link.begin()
        try:
            outcomes.append(("value", question(link)))
        except CandidateError as error:
            outcomes.append(("raised", error.names, error.message))
        outcomes[-1] += (link.trace,)
    return outcomes


def assert_equal(pair, question):
    here, there = both(pair, question)
    assert here[0] == there[0]
    assert same(list(here[1:-1]), list(there[1:-1])) or str(here[1:-1]) == str(there[1:-1])
    assert len(here[-1]) == len(there[-1])
    for left, right in zip(here[-1], there[-1], strict=True):
        assert left[0] == right[0]
        assert left[2] == right[2]
        assert same(left[1], right[1]) or str(left[1]) == str(right[1])
    return there


@pytest.mark.parametrize("value", VALUES, ids=[f"{i}-{type(v).__name__}" for i, v in enumerate(VALUES)])
def test_every_kind_of_value_comes_back_as_in_this_process(pair, value):
    outcome = assert_equal(pair, lambda link: link.look_up("echo")(value, value, named=value))
    assert outcome[0] == "value"


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "uint16", "uint64", "float16", "int8"])
def test_less_common_dtypes_come_back(pair, dtype):
    tensor = torch.tensor([1, 0, 2]).to(getattr(torch, dtype))
    for link in pair:
        came = link.look_up("echo")(tensor)
        assert came.dtype == tensor.dtype
        assert torch.equal(came.view(torch.uint8), tensor.view(torch.uint8))


def test_subclasses_come_back_as_plain_data(pair):
    assert_equal(pair, lambda link: link.look_up("special")())


def test_an_interrupt_raised_by_an_answer_is_an_error_like_others(run):
    child = run("def f(): raise KeyboardInterrupt('now')\ndef g(): return 1")
    with pytest.raises(CandidateError, match="now"):
        ask(child, "f")
    assert ask(child, "g") == 1


@pytest.mark.parametrize("kind", ["v", "k", "s", "n", "x"])
def test_exceptions_cross_as_names_and_text(pair, kind):
    outcome = assert_equal(pair, lambda link: link.look_up("fail")(kind))
    assert outcome[0] == "raised"


def test_the_candidates_own_exceptions_cross_too(pair):
    outcome = assert_equal(pair, lambda link: link.look_up("odd")())
    assert outcome[1][:2] == ["Odd", "Exception"]
    assert_equal(pair, lambda link: link.look_up("not_there"))


def test_what_a_call_did_to_its_arguments_is_seen_and_not_done(pair):
    items, tensor = [], torch.ones(2)
    outcome = assert_equal(pair, lambda link: link.look_up("change")(items, tensor))
    assert items == []
    assert tensor.sum() == 2
    assert outcome[-1][0][2] is False


def test_generators_are_pulled(pair):
    assert_equal(pair, lambda link: [int(item[0]) for item in link.look_up("count")(5)])


def test_functions_of_this_side_are_called_back(pair):
    assert_equal(pair, lambda link: link.look_up("apply")(lambda x: x * 2, torch.ones(2)))
    assert_equal(pair, lambda link: link.look_up("apply_named")(lambda x, scale: x * scale, 3))
    outcome = assert_equal(pair, lambda link: link.look_up("apply")(lambda x: int("x"), 1))
    assert outcome[1][0] == "ValueError"


def test_a_function_that_is_called_back_may_ask_again(pair):
    def question(link):
        echo = link.look_up("echo")
        return link.look_up("apply")(lambda x: echo(x) + 1, 1)

    assert assert_equal(pair, question)[1] == 3


def test_modules_load_weights_and_give_gradients(pair):
    def question(link):
        net = link.look_up("Net")(3)
        weights = torch.arange(9.0).view(3, 3) - 4
        net.load_state_dict({"inner.weight": weights})
        output, gradients, named = link.vjp(net._handle, "Net", (torch.ones(2, 3),), torch.ones(2, 3), True)
        return [output, gradients, named, net.inner.weight, net(torch.ones(1, 3))]

    assert assert_equal(pair, question)[0] == "value"


def test_objects_stay_where_they_are(pair):
    for link in pair:
        first, second, third = link.look_up("objects")()
        assert (first._handle.type_name, second._handle.callable, third._handle.type_name) == ("object", True, "Net")
        assert isinstance(link.look_up("many")()["a"][1]["b"][0], torch.Tensor)


def test_a_librarys_objects_are_made_beside_the_candidate(pair):
    def question(link):
        candidate = link.look_up("echo")
        generator = library(candidate, "torch.Generator")()
        generator.manual_seed(5)
        return library(candidate, "torch.rand")(3, generator=generator), library(candidate, "math.tau")

    assert assert_equal(pair, question)[0] == "value"


def test_steps_are_counted_as_in_this_process(pair):
    def question(link):
        (_, n), (none, m) = steps(link.look_up("many")), steps(link.look_up("change"), [1], torch.ones(2))
        return [n, m, none]

    assert assert_equal(pair, question)[0] == "value"


def test_draws_are_those_of_this_process(pair):
    def question(link):
        candidate = link.look_up("echo")
        generator = library(candidate, "torch.Generator")()
        generator.manual_seed(5)
        return draws(library(candidate, "torch.randint"), 20, 9, (1,), generator=generator)

    assert assert_equal(pair, question)[0] == "value"


def test_tensors_are_watched_as_in_this_process(pair):
    def question(link):
        return tensors(library(link.look_up("echo"), "torch.cdist"), torch.ones(3, 2), torch.ones(4, 2))

    assert assert_equal(pair, question)[0] == "value"


def test_a_reply_that_is_too_large_is_an_error_and_not_the_end(run):
    child = run("import torch\ndef f(): return torch.zeros(1 << 24)\ndef g(): return 1")
    with pytest.raises(CandidateError, match="too large"):
        ask(child, "f")
    assert ask(child, "g") == 1


# ---- what a child cannot do ----


def test_it_sees_python_and_nothing_of_the_course(run):
    places = [str(ROOT / name) for name in ("solutions", "grader", "course", ".git", "tests")]
    places += [str(Path.home() / ".bashrc"), "/etc/shadow", "/etc/hostname", "/bin", "/sys", "/home", "/var", "/proc/2"]
    child = run(
        f"""
        import os
        seen = {{path: os.path.exists(path) for path in {places!r}}}
        paths = []
        for top in set(os.listdir("/")) - {{"usr", "lib", "lib64", "lib32", "proc", "dev", "etc"}}:
            for folder, inner, names in os.walk("/" + top):
                inner[:] = [name for name in inner if name != "lib"]
                paths += [os.path.join(folder, name) for name in names]
        def look(): return seen, os.listdir("."), paths[:5], sorted(os.environ), os.getcwd(), os.getpid()
        """
    )
    assert child.cells[0].error is None, child.cells[0]
    seen, work, paths, environment, place, process = ask(child, "look")
    assert not any(seen.values()), seen
    assert work == []
    assert paths == []
    assert not any(name.startswith(("GRADER", "JUPYTER", "SSH", "AWS")) for name in environment)
    assert (place, process) == (room.work(room.libraries()), 1)


def test_the_course_cannot_be_imported(run):
    child = run("import importlib", "import course", "import grader.exercise", "from grader.journal import *")
    assert [cell.error[0] for cell in child.cells[1:]] == ["ModuleNotFoundError"] * 3


def test_it_has_no_rights(run):
    child = run(
        """
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        def look(): return [status[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp", "Uid")]
        """
    )
    caps = "0" * 16
    assert ask(child, "look")[:5] == [caps, caps, caps, "1", "2"]
    assert set(ask(child, "look")[5].split()) == {"1000"}


CALLS = {
    "socket": (41, 2, 1, 0),
    "unix socket": (41, 1, 1, 0),
    "ptrace": (101, 16, 1, 0),
    "mount": (165, 0, 0, 0),
    "unshare": (272, 0x10000000, 0, 0),
    "setns": (308, 0, 0, 0),
    "clone with namespaces": (56, 0x10000000 | 17, 0, 0),
    "clone": (56, 17, 0, 0),
    "fork": (57, 0, 0, 0),
    "execve": (59, 0, 0, 0),
    "keyctl": (250, 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, 0),
    "userfaultfd": (323, 0, 0, 0),
    "io_uring_setup": (425, 1, 0, 0),
    "kexec_load": (246, 0, 0, 0),
    "init_module": (175, 0, 0, 0),
    "open_by_handle_at": (304, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "chroot": (161, 0, 0, 0),
    "memfd_create": (319, 0, 0, 0),
    "shmget": (29, 0, 4096, 0o1666),
    "personality": (135, 0, 0, 0),
    "setuid": (105, 0, 0, 0),
    "reboot": (169, 0, 0, 0),
    "seccomp": (317, 0, 0, 0),
    "prctl(PR_SET_PTRACER)": (157, 0x59616D61, 0, 0),
    "ioctl(TIOCSTI)": (16, 0, 0x5412, 0),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86-64")
def test_forbidden_calls_are_refused(run):
    child = run(
        f"""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def call(numbers):
            ctypes.set_errno(0)
            result = libc.syscall(*map(ctypes.c_long, numbers))
            return result, ctypes.get_errno()
        def tried(): return {{name: call(numbers) for name, numbers in {CALLS!r}.items()}}
        def clone3(): return call((435, 0, 0, 0))
        """
    )
    assert {name: result for name, result in ask(child, "tried").items() if result != (-1, 1)} == {}
    assert ask(child, "clone3") == (-1, 38)


def test_it_has_no_network(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = run(
            f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)",
            "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
            "s = socket.socket(socket.AF_UNIX)\ns.connect('\\0/tmp/.X11-unix/X0')",
            "print([name for _, name in socket.if_nameindex()])",
        )
    assert [cell.error[0] for cell in child.cells[:3]] == ["PermissionError", "URLError", "PermissionError"]
    assert ("network" in {kind for kind, _ in child.events}) is True


def test_it_writes_to_its_own_small_place_alone(run):
    child = run(
        """
        import os
        refused = 0
        for path in ("/x", "/usr/lib/x", os.__file__, "/etc/passwd", "/dev/x", "/proc/self/oom_score_adj", "/proc/sys/kernel/x"):
            try: open(path, "a").write("1")
            except OSError: refused += 1
        open("own", "w").write("mine")
        def look(): return refused, os.listdir(".")
        """
    )
    assert ask(child, "look") == (7, ["own"])
    assert ask(run("import os\ndef look(): return os.listdir('.')"), "look") == []
    assert not Path(room.work(room.libraries()), "own").exists()


def test_it_cannot_fill_the_disk(run):
    child = run(
        """
        import errno, os
        def fill(big):
            try:
                for i in range(10_000):
                    with open(f"{big}{i}", "wb") as file:
                        if big: file.write(b"x" * (4 << 20))
            except OSError as error: return errno.errorcode[error.errno], i
        """
    )
    assert ask(child, "fill", "")[0] == "ENOSPC"
    assert ask(child, "fill", "big")[0] == "ENOSPC"


def test_memory_is_bounded_and_running_out_of_it_is_an_error(run):
    child = run("import torch, numpy", "x = bytearray(1 << 40)", "x = torch.ones(1 << 40)", "x = bytearray(2 << 30)")
    assert [cell.error[0] for cell in child.cells[1:]] == ["MemoryError", "RuntimeError", "MemoryError"]
    child = run("held = []", "while True: held.append('x' * 1_000_000 + str(len(held)))")
    assert child.cells[1].error[0] == "MemoryError"


def test_a_memory_bomb_of_many_processes_ends_its_child_alone(strict):
    """Address space bounds one process; the control group bounds all of them."""
    if not next(layer for layer in probe() if "control group" in layer.name).holds:
        pytest.skip("no control group can be made here: `forks` stays off on such machines")
    child = strict.open(
        [
            """
import os, time
def bomb():
    for _ in range(12):
        if os.fork() == 0:
            held = b"x" * (200 << 20)
            time.sleep(1000)
    time.sleep(2)
"""
        ]
    )
    before = strict._process
    with contextlib.suppress(ChildLost):
        ask(child, "bomb")
    child.close()
    assert child.ending.out_of_memory
    assert strict._process == before
    with strict.open(["def f(): return 1"]) as child:
        assert ask(child, "f") == 1


def test_processes_cannot_be_started(run):
    child = run("import os\nos.fork()", "import subprocess\nsubprocess.run(['true'])", "os.system('true')\nprint(1)")
    assert child.cells[0].error[0] == child.cells[1].error[0] == "PermissionError"
    assert {kind for kind, _ in child.events} == {"process"}


def test_threads_work_and_are_bounded(run):
    child = run(
        """
        import threading, time
        def some():
            seen = []
            threads = [threading.Thread(target=seen.append, args=(i,)) for i in range(8)]
            [t.start() for t in threads]; [t.join() for t in threads]
            return sorted(seen)
        def bomb():
            try:
                for i in range(10_000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            except RuntimeError: return i
        """
    )
    assert ask(child, "some") == list(range(8))
    assert ask(child, "bomb") <= 64


def test_a_fork_bomb_and_orphans_die_with_their_child(strict):
    child = strict.open(
        [
            """
import os, time
def bomb():
    born = 0
    try:
        while True:
            if os.fork() == 0:
                os.setsid()
                time.sleep(1000)
            born += 1
    except OSError: return born
"""
        ]
    )
    born = ask(child, "bomb")
    assert 1 <= born <= 20
    assert len(_members(strict)) > born
    child.close()
    assert len(_members(strict)) == 1
    with strict.open(["def f(): return 1"]) as child:
        assert ask(child, "f") == 1


def _members(zygote):
    """The processes beneath a zygote, as /proc tells."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found, waiting = set(), [zygote._process]
    while waiting:
        parent = waiting.pop()
        children = [process for process, above in parents.items() if above == parent]
        found.update(children)
        waiting += children
    return found


ENDS = {
    "os._exit": ("import os; os._exit(0)", "exit"),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", "exit"),
    "abort": ("import os; os.abort()", "exit"),
    "endless recursion": (
        "import sys; sys.setrecursionlimit(10**9)\n    class A:\n        def __repr__(self): return f'{[self]!r}'\n    repr(A())",
        "exit",
    ),
    "an endless loop": ("while True: pass", "time"),
    "sleep": ("import time; time.sleep(1000)", "time"),
    "garbage on the wire": ("import os; os.write(3, b'x' * 1000); os._exit(0)", "output"),
    "a broken header": ("import os; os.write(3, b'\\0\\0\\0\\2' + bytes(8) + b'xx')", "protocol"),
    "a huge announcement": ("import os; os.write(3, b'\\0\\0\\0\\2' + b'\\xff' * 8)", "output"),
    "half a frame": ("import os, time; os.write(3, b'\\0\\0\\0'); time.sleep(1000)", "time"),
    "a slow drip": (
        "import os, time\n    os.write(3, b'\\0\\0\\xff\\0' + bytes(8))\n    while True: os.write(3, b'['); time.sleep(0.01)",
        "time",
    ),
    "a closed wire": ("import os, time; os.close(3); time.sleep(1000)", "exit"),
    "a forged outcome": (
        "import json, os, struct\n    h = json.dumps(['cell', 'x', '', None, ['l']]).encode()\n"
        "    os.write(3, struct.pack('!IQ', len(h), 0) + h)",
        "protocol",
    ),
    "a forged callback": (
        "import json, os, struct\n    h = json.dumps(['call', 7, ['t'], ['d']]).encode()\n"
        "    os.write(3, struct.pack('!IQ', len(h), 0) + h)",
        "protocol",
    ),
    "a function lent": (
        "import json, os, struct\n    h = json.dumps(['reply', None, ['k', 0], ['t'], ['d'], ['l']]).encode()\n"
        "    os.write(3, struct.pack('!IQ', len(h), 0) + h)",
        "protocol",
    ),
    "a flood": ("import os\n    while True: os.write(3, b'\\0\\0\\0\\2' + bytes(8) + b'[]')", "protocol"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_child_that_ends_or_lies_is_lost(run, name):
    code, reason = ENDS[name]
    child = run(f"def f():\n    {code}\n")
    assert child.cells[0].error is None, child.cells
    started = time.monotonic()
    with pytest.raises(ChildLost) as lost:
        ask(child, "f")
    assert lost.value.reason == reason, str(lost.value)
    assert lost.value.cell is None
    assert time.monotonic() - started < QUICK.call_seconds + 3
    with pytest.raises(ChildLost):
        ask(child, "f")


def test_a_reply_may_be_forged_but_only_into_a_value(run):
    child = run(
        """
        import json, os, struct
        def f():
            h = json.dumps(["reply", None, "forged", ["t"], ["d"], ["l"]]).encode()
            os.write(3, struct.pack("!IQ", len(h), 0) + h)
            return "real"
        """
    )
    assert child.perform("look_up", "f").raised is None
    assert ask(child, "f") == "forged"


def test_a_cell_that_ends_its_child_is_named(zygote):
    with pytest.raises(ChildLost) as lost:
        zygote.open(["x = 1", "import os\nos._exit(7)", "y = 1"])
    assert (lost.value.reason, lost.value.cell) == ("exit", 1)
    assert "7" in str(lost.value)


def test_signals_reach_nobody_else(run):
    child = run(
        """
        import os, signal
        tried = []
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT):
            for target in (os.getppid(), -1, 2, 3):
                try: os.kill(target, number)
                except OSError as error: tried.append(error.errno)
        def f(): return os.getppid()
        """
    )
    assert ask(child, "f") == 0


def test_handlers_exit_hooks_and_monkeypatches_stay_in_their_child(run):
    child = run(
        """
        import atexit, builtins, gc, signal, sys, threading, torch
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        atexit.register(print, "x")
        builtins.sum = builtins.print = lambda *_: 42
        torch.softmax = torch.Tensor.softmax = None
        torch.Tensor.__eq__ = lambda *_: True
        sys.modules["math"] = None
        get_ipython().input_transformers_cleanup.append(lambda lines: ["x = 'poisoned'"])
        def f(): return 1
        """
    )
    assert ask(child, "f") == 1
    other = run("import torch\ndef g(): return sum([1]), torch.ones(2).softmax(0)")
    length, shares = ask(other, "g")
    assert length == 1
    assert torch.equal(shares, torch.full((2,), 0.5))


def test_children_do_not_see_each_other(zygote):
    with zygote.open(["import os\nopen('secret', 'w').write('x')\ndef f(): return 1"]) as first:
        with zygote.open(
            [
                "import os\ndef look(): return os.listdir('.'), [p for p in os.listdir('/proc') if p.isdigit()], os.listdir('/proc/self/fd')"
            ]
        ) as second:
            files, processes, descriptors = ask(second, "look")
        assert (files, processes) == ([], ["1"])
        assert sorted(map(int, descriptors))[:4] == [0, 1, 2, 3]
        assert len(descriptors) <= 5  # the listing itself is one
        assert ask(first, "f") == 1


def test_callbacks_are_counted(strict):
    child = strict.open(["def f(g):\n    while True: g(1)"])
    with pytest.raises(ChildLost) as lost:
        ask(child, "f", lambda x: x)
    assert lost.value.reason == "protocol"


def test_an_interrupt_of_this_side_ends_the_conversation(run):
    child = run("def f(g): return g(1)\ndef h(): return 1")

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(child, "f", interrupted)
    with pytest.raises(ChildLost):
        ask(child, "h")


def test_threads_of_this_side_may_share_a_zygote(zygote):
    results = []

    def work(number):
        for _ in range(3):
            with zygote.open([f"def f(): return {number}"]) as child:
                results.append(ask(child, "f") == number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12


def test_a_zygote_that_was_killed_is_replaced_and_leaves_nothing():
    with Zygote(QUICK) as zygote:
        child = zygote.open(["def f(): return 1"])
        members = _members(zygote)
        os.kill(zygote._process, signal.SIGKILL)
        select.select([child._handle], [], [], 10)
        with pytest.raises(SandboxError):
            ask(child, "f")
        for _ in range(100):
            if not any(Path("/proc", str(process)).exists() for process in members):
                break
            time.sleep(0.05)
        assert not [process for process in members if _running(process)]
        with zygote.open(["def f(): return 2"]) as child:
            assert ask(child, "f") == 2


def _running(process):
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_is_left_when_the_trusted_side_is_killed():
    code = (
        "import sys, time\nfrom grader.sandbox import Zygote\nzygote = Zygote()\nzygote.start()\n"
        "child = zygote.open(['x = 1'])\nprint(zygote._process, flush=True)\ntime.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    launcher = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    for _ in range(100):
        if not _running(launcher):
            break
        time.sleep(0.05)
    assert not _running(launcher)


def test_isolation_none_is_a_separate_process_with_limits():
    with Zygote(QUICK, isolation="none") as zygote:
        child = zygote.open(
            [
                "import os\nopen('mine', 'w').write('x')\ndef f(): return os.getpid(), os.getcwd()",
                "x = bytearray(4 << 30)",
            ]
        )
        process, place = ask(child, "f")
        assert process != os.getpid()
        assert child.cells[1].error[0] == "MemoryError"
        child.close()
        assert not Path(place).exists()
        with pytest.raises(ChildLost):
            zygote.open(["import os\nos._exit(1)"])


def test_layers_are_probed():
    layers = {layer.name: layer for layer in probe()}
    assert sum(layer.required for layer in layers.values()) >= 9
    for layer in layers.values():
        assert layer.detail
        assert layer.holds or layer.mend
    assert all(layer.holds for layer in layers.values() if layer.required), layers


def test_a_missing_layer_refuses_in_one_line(monkeypatch):
    monkeypatch.setattr("grader.sandbox.zygote._map_users", _refused)
    with pytest.raises(SandboxError) as error, Zygote():
        pass
    assert "\n" not in str(error.value)


def _refused(_):
    raise SandboxError("user namespace: not permitted")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to try it as one")
def test_it_works_as_an_ordinary_user(tmp_path):
    """Where the interpreter lies in a closed home folder, it is shown in an open one for this test."""
    code = """
from grader.sandbox import Limits, Zygote, probe
from grader.candidate import Link
assert [l.name for l in probe() if l.required and not l.holds] == []
with Zygote(Limits(memory_mb=512)) as zygote:
    child = zygote.open(["import os, resource\\ndef f(): return os.getuid(), os.getpid(), os.path.exists('/etc/hostname')", "x = bytearray(2 << 30)"])
    assert Link(child).look_up("f")() == (1000, 1, False)
    assert child.cells[1].error[0] == "MemoryError"
    child.close()
print("well", __import__("os").getuid())
"""
    base = Path(sys.base_prefix).resolve()
    script = f"""
set -e
mount --make-rprivate /
top=/$(echo {base} | cut -d/ -f2)
mkdir -p {tmp_path}/keep && mount --bind {base} {tmp_path}/keep
mount -t tmpfs -o mode=755 none $top
mkdir -p {base} && mount --bind {tmp_path}/keep {base}
exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp PYTHONPATH={ROOT} {sys.executable} -c "$CODE"
"""
    if not str(base).startswith(("/root/", "/home/")):
        script = script[script.index("exec") :]
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        env={**os.environ, "CODE": code},
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
    assert done.stdout.strip() == "well 65534", done.stderr[-2000:]


@pytest.mark.heavy
def test_memory_stays_flat_over_many_children(zygote):
    def resident():
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))

    def one():
        with zygote.open(["import torch\ndef f(x): return x + 1"]) as child:
            ask(child, "f", torch.ones(100, 100))

    for _ in range(50):
        one()
    before = resident()
    for _ in range(500):
        one()
    after = resident()
    assert after[0] - before[0] < 5
    assert after[1] == before[1]
