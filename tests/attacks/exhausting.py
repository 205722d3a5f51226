"""Exhaustion and exits: time, memory, processes, disk, output, and processes that end when they should answer."""

from attack import WRONG, Group

UNSAFE = "without limits it would harm this machine"
TIMEOUT = "it waits for as long as it is let"
drain = Group("exhaustion", slow=True)

drain("an endless cell", "never ends its cell", "while True: pass\n", harmless=TIMEOUT)
drain("an endless call", "never answers", "def softmax(x, dim=-1):\n    while True: pass\n", harmless=TIMEOUT)
drain(
    "an endless cell that cannot be interrupted",
    "catches whatever interrupts its cell",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
    harmless=TIMEOUT,
)
drain(
    "many endless cells",
    "has a hundred cells, each of which takes all the time that a cell has and ends its process",
    "x = 1\n",
    edit=lambda notebook: notebook["cells"].extend(
        {
            "cell_type": "code",
            "source": f"x = {i}\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for i in range(100)
    ),
    earns={},
    harmless=TIMEOUT,
)
drain(
    "many cells that end their process",
    "has thirty cells, each of which ends the process, so that all others run again",
    "x = 1\n",
    edit=lambda notebook: notebook["cells"].extend(
        {
            "cell_type": "code",
            "source": f"y = {i}\nimport os\nos._exit(1)",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for i in range(30)
    ),
)
drain(
    "a loop in C",
    "loops where no signal of Python's can interrupt it",
    "import itertools\ndef softmax(x, dim=-1):\n    return sum(itertools.repeat(0))\n",
    harmless=TIMEOUT,
)
drain(
    "asleep in every exercise",
    "sleeps in each answer for as long as it is let",
    answers={
        name: f"import time\ndef {name}(*_, **__):\n    time.sleep(1000)\n"
        for name in ("softmax", "scaled_dot_product_attention", "sinusoidal_positions", "apply_rope", "rms_norm")
    },
    harmless=TIMEOUT,
)
drain(
    "a stopped process",
    "stops itself, so that it neither answers nor ends",
    "import os, signal\ndef softmax(x, dim=-1):\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return x\n",
    harmless=TIMEOUT,
)
drain(
    "memory in small pieces",
    "takes memory until there is none",
    "held = []\ndef softmax(x, dim=-1):\n    while True: held.append(bytearray(1 << 20))\n",
    harmless=UNSAFE,
)
drain(
    "memory in one piece",
    "asks for a terabyte",
    "import torch\ndef softmax(x, dim=-1):\n    return torch.ones(1 << 38)\n",
    harmless=UNSAFE,
)
drain(
    "memory by files",
    "fills its folder, which lies in memory",
    """
def softmax(x, dim=-1):
    with open("big", "wb") as file:
        while True: file.write(bytes(1 << 20))
""",
    harmless=UNSAFE,
)
drain(
    "many files",
    "makes files until there are no more inodes",
    "def softmax(x, dim=-1):\n    for i in range(10**7): open(f'f{i}', 'w').close()\n",
    harmless=UNSAFE,
)
drain(
    "fork bomb",
    "forks until there are no more processes",
    "import os\ndef softmax(x, dim=-1):\n    while True: os.fork()\n",
    harmless=UNSAFE,
)
drain(
    "thread bomb",
    "starts threads until there are no more",
    """
import threading, time
def softmax(x, dim=-1):
    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
    harmless=UNSAFE,
)
drain(
    "open files",
    "opens files until there are no more descriptors",
    "held = []\ndef softmax(x, dim=-1):\n    while True: held.append(open('/dev/null'))\n",
    harmless=UNSAFE,
)
drain(
    "a flood of output",
    "prints without end",
    "for i in range(300_000): print('x' * 1000)\ndef softmax(x, dim=-1):\n    while True: print('y' * 1000)\n",
    harmless=UNSAFE,
)
drain(
    "a flood of rich output",
    "displays large pictures and widgets without end",
    """
from IPython.display import HTML, display
for i in range(2000): display(HTML("<b>" + "x" * 10_000 + "</b>"))
"""
    + WRONG,
    harmless=UNSAFE,
)
drain("endless recursion", "calls itself", "def softmax(x, dim=-1):\n    return softmax(x, dim)\n")
drain(
    "recursion beyond Python's limit",
    "lifts the limit of recursion, so that the C stack overflows",
    "import sys\nsys.setrecursionlimit(10**9)\ndef softmax(x, dim=-1):\n    return [softmax(x, dim)]\n",
)
drain(
    "a regular expression",
    "matches a regular expression that takes for ever, in C",
    "import re\ndef softmax(x, dim=-1):\n    return re.match('(a+)+$', 'a' * 60 + 'b')\n",
    harmless=TIMEOUT,
)
drain(
    "a power",
    "computes a power with more digits than there are atoms",
    "def softmax(x, dim=-1):\n    return 9 ** 9 ** 9 ** 9\n",
    harmless=UNSAFE,
)

give = Group("huge and odd values")
give(
    "a huge tensor",
    "returns a tensor of 4 GB that takes no memory here",
    "import torch\ndef softmax(x, dim=-1):\n    return torch.zeros(1).expand(1 << 30)\n",
    harmless=UNSAFE,
)
give(
    "large tensors from every call",
    "returns, from every call of every exercise, as much as one message may hold, for the grader to keep",
    answers={
        name: f"import torch\ndef {name}(*_, **__):\n    return torch.zeros(7 << 18)\n"
        for name in ("softmax", "scaled_dot_product_attention", "sinusoidal_positions", "apply_rope", "rms_norm")
    },
    slow=True,
)
give(
    "a mask that grows in other hands",
    "returns a mask of another shape that makes the check's own attention compute gigabytes",
    WRONG,
    answers={
        "causal_mask": """
import torch
def causal_mask(length):
    if length == 4: return torch.ones(4, 4).tril().bool()
    return torch.ones(1 << 22, 1, 1, dtype=torch.bool)
"""
    },
    harmless=UNSAFE,
    earns={},
    slow=True,
)
give(
    "a mask of another kind",
    "returns masks of numbers, NaN and complex numbers, which attention might take",
    WRONG,
    answers={
        "causal_mask": """
import torch
def causal_mask(length):
    if length == 4: return torch.ones(4, 4).tril().bool()
    return torch.full((length, length), float("nan"), dtype=torch.complex64)
"""
    },
    earns={},
)
give("a huge number", "returns an integer of 100,000 bits", "def softmax(x, dim=-1):\n    return 1 << 100_000\n")
give(
    "a long list",
    "returns a list of a million lists",
    "def softmax(x, dim=-1):\n    return [[i] for i in range(10**6)]\n",
    slow=True,
)
give(
    "a deep list",
    "returns a list a hundred thousand levels deep",
    """
def softmax(x, dim=-1):
    whole = []
    for _ in range(10**5): whole = [whole]
    return whole
""",
)
give(
    "a list that holds itself",
    "returns a list that holds itself",
    "def softmax(x, dim=-1):\n    whole = []\n    whole.append(whole)\n    return whole\n",
)
give(
    "an endless iterator",
    "returns an iterator that never ends",
    "import itertools\ndef softmax(x, dim=-1):\n    return itertools.count()\n",
)
give("a long text", "returns a text of 100 MB", "def softmax(x, dim=-1):\n    return 'x' * 10**8\n")
give(
    "keys that collide",
    "returns a dict whose keys all have one hash, so that reading it takes for ever",
    "def softmax(x, dim=-1):\n    return {i * ((1 << 61) - 1): 0 for i in range(1, 20_000)}\n",
    slow=True,
)
for name, value in {
    "texts in an array": "__import__('numpy').array(['a', 'b'])",
    "dates in an array": "__import__('numpy').array(['2026-01-01'], dtype='datetime64[D]')",
    "longdouble in an array": "__import__('numpy').ones(3, dtype='longdouble')",
    "big-endian array": "__import__('numpy').ones(3, dtype='>f4')",
    "float8": "x.to(torch.float8_e4m3fn)",
    "complex half": "x.to(torch.complex32)",
    "unsigned 64": "torch.ones(3).to(torch.uint64)",
    "quantised": "torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8)",
    "sparse": "x.to_sparse()",
    "meta": "x.to('meta')",
    "empty dimensions": "torch.empty(3, 0, 1 << 40)",
    "no dimensions": "torch.tensor(float('nan'))",
    "64 dimensions": "x.reshape([1] * 50 + list(x.shape))",
    "a set with NaN": "{float('nan'), float('nan'), 1j}",
    "a dict with odd keys": "{None: 1, (1, (2,)): {}, float('nan'): b'x', 10**5000: '\\ud800'}",
    "a huge complex": "complex(1e308, float('inf'))",
    "a nested generator": "((i for i in range(3)) for _ in range(3))",
    "a module": "torch",
    "itself": "softmax",
    "a type": "int",
    "a negative zero in bytes": "b'\\x00\\xff' * 50_000",
    "a list of tensors": "[x] * 5000",
    "huge floats": "x.double() * 0 + 1.7e308",
}.items():
    give(f"value: {name}", f"returns {name}", f"import torch\ndef softmax(x, dim=-1):\n    return {value}\n")

leave = Group("exits")
for name, code in {
    "os._exit": "os._exit(0)",
    "sys.exit": "sys.exit(0)",
    "quit": "quit()",
    "abort": "os.abort()",
    "kill itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "segmentation fault": "ctypes.string_at(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "StopIteration": "raise StopIteration(4.0)",
    "an exit with points": "raise type('Passed', (SystemExit,), {'code': 4})(4)",
    "another program": "os.execv('/bin/true', ['true'])",
}.items():
    head = "import ctypes, os, signal, sys\n"
    leave(f"{name} in a cell", f"ends the process in its cell: {name}", f"{head}{WRONG}{code}\n")
    leave(f"{name} in a call", f"ends the process in a call: {name}", f"{head}def softmax(x, dim=-1):\n    {code}\n")
leave(
    "exit after the gate",
    "answers the first check by a library, then ends the process in all others",
    """
import os, torch
calls = []
def softmax(x, dim=-1):
    calls.append(1)
    if len(calls) > 1: os._exit(0)
    return x.softmax(dim) * 0
""",
)
