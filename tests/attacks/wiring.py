"""Forged wires: a child has its end of the wire, so it can send whatever it likes; only values can come of it."""

from attack import WRONG, Group

NO_WIRE = "there is no wire"
wire = Group("wire forging", harmless=NO_WIRE)
SEND = """
import json, os, struct
def send(*message, body=b""):
    header = message[0] if isinstance(message[0], bytes) else json.dumps(message).encode()
    os.write(3, struct.pack("!IQ", len(header), len(body)) + header + body)
"""
EMPTY = '["t"], ["d"], ["l"]'


# These answer questions that come later, those about their own honest part among them.
OUT_OF_STEP = {
    "a reply of its own", "a hundred replies", "a reply to everything", "a handle of another's",
    "a type's name in half a character", "an exception's name in half a character", "an event in half a character",
}  # fmt: skip


def frame(name: str, tries: str, body: str, **more) -> None:
    """Add an attack that does `body` in every call of softmax."""
    if name in OUT_OF_STEP:
        more["earns"] = {}
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    wire(name, tries, f"{SEND}\ndef softmax(x, dim=-1):\n{lines}\n    return x\n", **more)


frame("a reply of its own", "sends a reply that says passed", f'send("reply", None, "passed", {EMPTY})')
frame("points on the wire", "sends messages of kinds that a grader might know", 'send("score", 4.0, "passed")')
frame(
    "a hundred replies",
    "sends replies to questions not yet asked",
    f'for _ in range(100): send("reply", None, True, {EMPTY})',
)
frame(
    "a reply to everything",
    "keeps sending replies from a thread",
    f"""
import threading
threading.Thread(target=lambda: [send("reply", None, True, {EMPTY}) for _ in range(10**5)], daemon=True).start()""",
)
frame("garbage", "sends random bytes", "os.write(3, os.urandom(1000))")
frame("zeros", "sends zeros", "os.write(3, bytes(100_000))")
frame("a huge announcement", "announces a message of 16 exabytes", 'os.write(3, b"\\0\\0\\0\\2" + b"\\xff" * 8)')
frame(
    "half a frame",
    "sends half a frame and waits",
    'os.write(3, b"\\0\\0\\0"); __import__("time").sleep(1000)',
    slow=True,
)
frame(
    "a slow drip",
    "sends one byte at a time, for ever",
    """
import time
os.write(3, struct.pack("!IQ", 1 << 20, 0))
while True: os.write(3, b"["); time.sleep(0.01)""",
    slow=True,
)
frame("a closed wire", "closes its end and lives on", "os.close(3); __import__('time').sleep(1000)")
frame(
    "a wire full of holes",
    "shuts down one direction of the wire",
    """
import socket
s = socket.socket(fileno=os.dup(3)); s.shutdown(socket.SHUT_RD)""",
)
frame("a forged call back", "calls functions that it was not given", 'send("call", 7, ["t"], ["d"])')
frame(
    "a pickle on the wire",
    "sends a pickle where JSON belongs",
    """
import pickle
class Evil:
    def __reduce__(self): return os.system, ("touch @CANARY@/pickled",)
send(pickle.dumps(Evil()))""",
)
frame("nesting", "sends arrays nested a hundred thousand deep", 'send(b"[" * 10**5 + b"]" * 10**5)')
frame("NaN as JSON", "sends numbers that JSON does not have", 'send(b\'["reply", null, NaN, ["t"], ["d"], ["l"]]\')')
frame("a long number", "sends a number of four million digits", 'send(b\'["reply", null, \' + b"9" * 4_000_000 + b"]")')
frame(
    "a tensor larger than its bytes",
    "sends a tensor whose shape is larger than its bytes",
    f'send("reply", None, ["T", "float32", [1 << 30, 1 << 30], 4], {EMPTY}, body=bytes(4))',
)
frame(
    "a tensor of objects",
    "sends an array of Python objects",
    f'send("reply", None, ["N", "|O8", [1], 8], {EMPTY}, body=bytes(8))',
)
frame(
    "a boolean that is neither",
    "sends booleans of value 2",
    f'send("reply", None, ["T", "bool", [2], 2], {EMPTY}, body=b"\\2\\3")',
)
frame(
    "keys that collide on the wire",
    "sends a dict whose keys have one hash",
    f'send("reply", None, ["d", *[v for i in range(20_000) for v in (["i", hex(i * ((1 << 61) - 1))], 0)]], {EMPTY})',
)
frame("an unhashable key", "sends a dict with a list as key", f'send("reply", None, ["d", ["l"], 0], {EMPTY})')
frame(
    "a handle of another's",
    "sends handles with numbers of objects that it was not given",
    f'send("reply", None, ["h", 1, "Tensor", True], {EMPTY})',
)
frame(
    "an outcome of another cell",
    "sends the outcome of a cell that was never run",
    'send("cell", "4.0", "", None, ["l"])',
)
frame("ready twice", "says that it is ready while it is asked", 'send("ready")')
frame("a refusal", "says that it could not be confined", 'send("refused", "no")')
frame(
    "a type's name in half a character",
    "sends a handle whose type's name no encoding can write",
    f'send("reply", None, ["h", 1, "\\ud800<script>", True], {EMPTY})',
)
frame(
    "an exception's name in half a character",
    "sends an exception whose name no encoding can write",
    f'send("reply", ["l", "\\ud800\\x1b[2J<script>alert(1)</script>"], "\\udfff", {EMPTY})',
)
frame(
    "an event in half a character",
    "reports an event that no encoding can write",
    'send("reply", None, 1, ["t"], ["d"], ["l", ["t", "file", "\\ud800"]])',
)
wire(
    "outcomes before their time",
    "sends outcomes of its later cells, and that it is ready, from the first",
    SEND + 'for _ in range(3): send("cell", "4.0", "", None, ["l"])\nsend("ready")\n' + WRONG,
    earns={},
)
wire(
    "a refusal in a cell",
    "says from its cell that the sandbox is missing, so that the grader stops",
    SEND + 'send("refused", "the sandbox is missing")\n' + WRONG,
)
wire(
    "servant patched",
    "replaces the part of the grader that answers for it",
    """
import sys
for name, module in list(sys.modules.items()):
    if name == "grader.servant":
        module.Servant.perform = lambda self, *_: module.Reply(None, True)
"""
    + WRONG,
    earns={},
)
wire(
    "another generation",
    "answers every question with the library's softmax where it can see that it is asked for the gate",
    """
import sys, torch
class Quiet(list):
    def append(self, item): pass
for name, module in list(sys.modules.items()):
    if name == "grader.sandbox.inside":
        module._Answers._send = lambda self, reply: self._line.send("reply", None, torch.zeros(2, 3), (), {}, [])
"""
    + WRONG,
    earns={},
)
