"""What is left behind: for the next submission, for the process that all are forked from, for after the end."""

from attack import WRONG, Group

POISON = "it would change the machine that runs it"
poison = Group("poisoning what comes after")

poison(
    "torch patched",
    "patches torch for all who come after",
    """
import torch, torch.nn.functional as F
for module in (torch, F, torch.Tensor, torch.nn.Module):
    for name in ("softmax", "exp", "tril", "arange", "ones", "matmul", "__call__"):
        if hasattr(module, name): setattr(module, name, lambda *_, **__: None)
"""
    + WRONG,
    earns={},
)
poison(
    "library memory overwritten",
    "writes into the memory of torch's constants and of small integers",
    """
import ctypes
ctypes.memset(id(42) + 24, 7, 1)
ctypes.memset(id("softmax") + 48, 65, 4)
"""
    + WRONG,
    earns={},
    slow=True,
    harmless="what a kernel with broken memory does is anyone's guess",
)
poison(
    "kill everybody",
    "sends SIGKILL to all processes that it may, its parent first",
    """
import os, signal
for target in (os.getppid(), 2, 3, -1):
    for number in (signal.SIGSTOP, signal.SIGKILL):
        try: os.kill(target, number)
        except OSError: pass
"""
    + WRONG,
    harmless="it would end this machine's processes",
)
poison(
    "kill its session",
    "sends SIGTERM to its process group and session",
    """
import os, signal
try: os.killpg(os.getppid() or os.getpgid(0), signal.SIGTERM)
except OSError: pass
"""
    + WRONG,
    harmless="it would end this machine's processes",
)
poison(
    "a file for the next",
    "leaves modules in the shared temporary folder and in the home folder",
    """
import os
for folder in ("/tmp", os.path.expanduser("~"), "/dev/shm", "."):
    for name in ("torch.py", "left-behind"):
        try: open(os.path.join(folder, name), "x").write("raise SystemExit")
        except OSError: pass
"""
    + WRONG,
    harmless="it would leave files on this machine",
)
poison(
    "found a file of the last",
    "looks for what an earlier submission left behind",
    "import os\nfound = [p for p in ('/tmp', '.', '/dev/shm') if os.path.exists(p + '/left-behind')]\n"
    + WRONG
    + "print('FOUND', bool(found), found)\n",
)
poison(
    "resource limits",
    "lowers the limits of its parent and its own",
    """
import os, resource
for process in (0, os.getppid()):
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
        try: resource.prlimit(process, kind, (8, 8))
        except OSError: pass
"""
    + WRONG,
    earns={"causal_mask": 2.0},
    harmless=POISON,
)
poison(
    "locks",
    "locks the files that all others read",
    """
import fcntl, glob, os, torch
held = []
for path in glob.glob(os.path.dirname(torch.__file__) + "/*.py")[:50] + glob.glob("@COURSE@/.class/*"):
    try:
        file = open(path); fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB); held.append(file)
    except OSError: pass
"""
    + WRONG,
    harmless=POISON,
)
poison(
    "shared memory",
    "writes into shared memory and semaphores by well-known keys",
    """
import ctypes
libc = ctypes.CDLL(None)
for key in range(1, 100): libc.shmget(key, 1 << 20, 0o1666)
from multiprocessing import shared_memory
try: shared_memory.SharedMemory("psm_attack", create=True, size=1 << 20)
except Exception: pass
"""
    + WRONG,
    harmless=POISON,
)
poison(
    "memory maps",
    "maps the files of the libraries for writing",
    """
import mmap, torch
try:
    with open(torch.__file__, "r+b") as file: mmap.mmap(file.fileno(), 0)[:1] = b"#"
except (OSError, ValueError): pass
with open(torch.__file__, "rb") as file:
    try: mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE)[:1] = b"#"
    except (OSError, TypeError, ValueError): pass
"""
    + WRONG,
    harmless=POISON,
)
poison(
    "requests to the zygote",
    "looks for the socket by which the zygote is asked to fork",
    """
import os, socket
for number in [*range(3), *range(4, 64)]:
    try: socket.socket(fileno=number).send(b"fork /tmp")
    except (OSError, ValueError): pass
"""
    + WRONG,
    harmless="in a kernel these are other sockets",
)

orphan = Group("orphans")
LATER = "import time; time.sleep(3); open('@CANARY@/later', 'w').close()"
orphan(
    "a daemon",
    "forks twice, leaves its session, and waits for the grader to be gone",
    f"""
import os
def softmax(x, dim=-1):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            {LATER}
        os._exit(0)
    return x
""",
)
orphan(
    "a program",
    "starts a program in a session of its own",
    f"""
import subprocess, sys
def softmax(x, dim=-1):
    subprocess.Popen([sys.executable, "-c", {LATER!r}], start_new_session=True)
    return x
""",
)
orphan(
    "multiprocessing",
    "has a process pool outlive it",
    """
import multiprocessing
def softmax(x, dim=-1):
    multiprocessing.Process(target=__import__("time").sleep, args=(3,), daemon=False).start()
    return x
""",
)
orphan(
    "a thread that never ends",
    "leaves a thread that is no daemon, so that its process cannot end by itself",
    f"""
import threading
def work():
    {LATER}
threading.Thread(target=work, daemon=False).start()
"""
    + WRONG,
)
orphan(
    "signals ignored",
    "ignores every signal that can be ignored",
    """
import signal
for number in signal.valid_signals():
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
"""
    + WRONG,
)
orphan(
    "a scheduled job",
    "leaves a job for the machine to run later",
    """
import os
for folder in ("/etc/cron.d", "/var/spool/cron", "/etc/systemd/system", os.path.expanduser("~/.config/autostart")):
    try: open(folder + "/attack", "w").write("* * * * * root touch @CANARY@/cron")
    except OSError: pass
"""
    + WRONG,
    harmless="it would leave a job on this machine",
)
