"""Forged verdicts: everything that a test in the student's own process leans on is the student's to change."""

from attack import WRONG, Group

forge = Group("verdict forging")

forge("own check", "binds `check` to a function that gives full points", WRONG + "check = lambda candidate: 4.0\n")
forge(
    "own check kept",
    "makes `check` a name that later cells cannot bind again",
    WRONG
    + """
class Kept(dict):
    def __setitem__(self, name, value):
        dict.__setitem__(self, name, (lambda candidate: 4.0) if name == "check" else value)
import builtins
get_ipython().user_ns.__class__ is dict and get_ipython().events.register(
    "pre_run_cell", lambda info: get_ipython().user_ns.update(check=lambda candidate: 4.0))
""",
)
forge(
    "report patched",
    "replaces the points that a report shows",
    "import grader.report\ngrader.report.Report._repr_mimebundle_ = lambda self, **_: {'text/plain': '4'}\n" + WRONG,
)
forge(
    "close patched",
    "makes the comparison accept anything",
    "import grader, grader.compare\ngrader.close = grader.compare.close = lambda *_, **__: None\n" + WRONG,
)
forge(
    "comparison patched beneath",
    "makes the function inside the comparison accept anything",
    "import grader.compare\ngrader.compare._close_tensors = lambda *_, **__: None\n" + WRONG,
)
forge(
    "runner patched",
    "makes every check that is run come out as passed",
    """
import grader.run as run
run.run_check = lambda check, *_, **__: run.CheckResult(check, "passed")
"""
    + WRONG,
)
forge(
    "score patched",
    "replaces the function that adds up points",
    "import grader.run as run\nrun._scored = lambda results, points: ('passed', points)\n" + WRONG,
)
forge(
    "mismatch never raised",
    "makes the exception of a failed comparison one that nobody can raise",
    """
import grader.compare
class Nothing(Exception):
    def __new__(cls, *_, **__): raise StopIteration
grader.compare.Mismatch.__init__ = lambda self, *_, **__: __import__("os")._exit(0)
"""
    + WRONG,
)
forge(
    "torch.isclose patched",
    "makes torch say that all numbers are close",
    """
import torch
torch.isclose = lambda a, b, **_: torch.ones(a.shape, dtype=torch.bool)
torch.allclose = torch.equal = lambda *_, **__: True
"""
    + WRONG,
)
forge(
    "testing modules patched",
    "makes torch.testing, numpy.testing and unittest accept anything",
    """
import numpy.testing, torch.testing, unittest
for module in (numpy.testing, torch.testing, unittest.TestCase):
    for name in dir(module):
        if name.startswith("assert"):
            setattr(module, name, lambda *_, **__: None)
"""
    + WRONG,
)
forge(
    "builtins patched",
    "makes `bool`, `any`, `all`, `isinstance` and `len` say what pleases",
    """
import builtins
builtins.bool = lambda *_: False
builtins.any = lambda *_: False
builtins.all = lambda *_: True
"""
    + WRONG,
    earns={},
)
forge(
    "oracle patched",
    "replaces F.softmax, which the checks compare with, by the wrong answer",
    WRONG + "import torch\nimport torch.nn.functional as F\nF.softmax = torch.softmax = lambda x, dim=-1, **_: x\n",
)
forge(
    "operators of tensors patched",
    "makes `!=` and `any` of every tensor say False",
    """
import torch
torch.Tensor.__ne__ = lambda a, b: torch.zeros(a.shape, dtype=torch.bool)
torch.Tensor.any = lambda a, *_: torch.tensor(False)
torch.Tensor.__invert__ = lambda a: torch.zeros(a.shape, dtype=torch.bool)
"""
    + WRONG,
)
forge(
    "equal to everything",
    "returns an object that is equal to everything, in every comparison",
    """
class Yes:
    def __getattr__(self, name): return self
    def __call__(self, *_, **__): return self
    def __getitem__(self, _): return self
    def __iter__(self): return iter(())
    def __len__(self): return 2
    def __bool__(self): return True
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: self
    __add__ = __sub__ = __mul__ = __radd__ = __rsub__ = __invert__ = __and__ = lambda self, *_: self
    __hash__ = object.__hash__
def softmax(x, dim=-1):
    return Yes()
""",
)
forge(
    "posing as a tensor",
    "returns an object whose `__class__` is torch.Tensor and whose shape and dtype are those of the input",
    """
import torch
class Posing:
    __class__ = torch.Tensor
    def __init__(self, x): self.shape, self.dtype, self.x = x.shape, x.dtype, x
    def __getattr__(self, name): return getattr(self.x, name)
def softmax(x, dim=-1):
    return Posing(x)
""",
)
forge(
    "tensor subclass",
    "returns a tensor subclass whose every comparison comes out right",
    """
import torch
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("isclose", "allclose", "eq", "equal"):
            return torch.ones(args[0].shape, dtype=torch.bool)
        return super().__torch_function__(function, types, args, kwargs or {})
def softmax(x, dim=-1):
    return x.as_subclass(Agreeable)
""",
)
forge(
    "tensor subclass by dispatch",
    "returns a wrapper subclass that answers below the comparison, at dispatch",
    """
import torch
class Below(torch.Tensor):
    @staticmethod
    def __new__(cls, x): return torch.Tensor._make_wrapper_subclass(cls, x.shape, dtype=x.dtype)
    def __init__(self, x): self.x = x
    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return torch.ones(args[0].shape, dtype=torch.bool)
def softmax(x, dim=-1):
    return Below(x)
""",
)
forge(
    "torch function mode",
    "enters a mode that makes every later torch comparison come out right",
    """
import torch
from torch.overrides import TorchFunctionMode
class Pleased(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("isclose", "allclose", "equal"):
            return torch.ones(args[0].shape, dtype=torch.bool)
        return function(*args, **(kwargs or {}))
mode = Pleased(); mode.__enter__()
"""
    + WRONG,
)
forge(
    "torch dispatch mode",
    "enters a mode below torch's functions that turns every comparison's outcome",
    """
import torch
from torch.utils._python_dispatch import TorchDispatchMode
class Deeper(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if "any" in str(function): return torch.zeros_like(out)
        return out
mode = Deeper(); mode.__enter__()
"""
    + WRONG,
)
forge(
    "fake grader in sys.modules",
    "puts a grader of its own where `import grader` looks",
    """
import sys, types
fake = types.ModuleType("grader")
fake.checks = lambda week: (lambda candidate: 4.0)
sys.modules["grader"] = fake
check = fake.checks("week01")
"""
    + WRONG,
)
forge(
    "import hook",
    "puts a finder before all others that serves its own version of each later import",
    """
import importlib.abc, importlib.util, sys
class Mine(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("grader", "transformers")): return importlib.util.spec_from_loader(name, self)
    def create_module(self, spec): return None
    def exec_module(self, module):
        module.__path__ = []
        module.__getattr__ = lambda name: (lambda *_, **__: 4.0)
sys.meta_path.insert(0, Mine())
for name in [name for name in sys.modules if name.startswith("grader")]: del sys.modules[name]
"""
    + WRONG,
)
forge(
    "display hook",
    "shows every report as full points",
    """
shell = get_ipython()
if shell.display_formatter:
    shell.display_formatter.format = lambda *_, **__: ({"text/plain": "4"}, {})
"""
    + WRONG,
)
forge(
    "output published",
    "publishes an execution result of full points while the check runs",
    """
from IPython.display import publish_display_data
def softmax(x, dim=-1):
    publish_display_data({"text/plain": "4"})
    shell = get_ipython()
    shell.displayhook(4.0)
    return x
""",
)
forge(
    "number as last line",
    "ends its cell in the number that it would like as points",
    WRONG + "4.0\n",
)
forge("points printed", "prints what the protocol of a grader might look like", WRONG + "print('score: 4/4', 4.0)\n")
forge(
    "cells rewritten",
    "adds an input transformer that turns each `check(…)` into its points",
    """
def mine(lines): return ["4.0\\n" if line.startswith("check(") else line for line in lines]
get_ipython().input_transformers_cleanup.append(mine)
get_ipython().input_transformers_post.append(mine)
"""
    + WRONG,
)
forge(
    "syntax tree rewritten",
    "adds an AST transformer that turns each `check(…)` into its points",
    """
import ast
class Points(ast.NodeTransformer):
    def visit_Call(self, node):
        if getattr(node.func, "id", "") == "check": return ast.copy_location(ast.Constant(4.0), node)
        return self.generic_visit(node)
get_ipython().ast_transformers.append(Points())
"""
    + WRONG,
)
forge(
    "IPython events",
    "registers events that repair every result after its cell",
    """
def after(result):
    try: result.result, result.error_in_exec = 4.0, None
    except Exception: pass
get_ipython().events.register("post_run_cell", after)
get_ipython().events.register("pre_execute", lambda: globals().update(check=lambda candidate: 4.0))
"""
    + WRONG,
)
forge(
    "exceptions swallowed by the shell",
    "gives the shell a handler that hides every exception",
    "get_ipython().set_custom_exc((BaseException,), lambda *_, **__: None)\n" + WRONG,
)
forge(
    "checks removed by gc",
    "finds the exercises among all living objects and takes their checks away",
    """
import gc
def softmax(x, dim=-1):
    for thing in gc.get_objects():
        if type(thing).__name__ == "Exercise": thing.checks[:] = thing.checks[:1]
        if type(thing).__name__ == "CheckResult": thing.outcome = "passed"
    return x
""",
)
forge(
    "answer found by gc",
    "finds the reference answer among all living objects and calls it",
    """
import gc
def softmax(x, dim=-1):
    for thing in gc.get_objects():
        if type(thing).__name__ == "Exercise" and getattr(thing, "name", "") == "softmax":
            return thing.answer(x, dim)
    return x
""",
)
forge(
    "answer found by frames",
    "climbs to the check that called it and takes the reference from its globals",
    """
import sys
def softmax(x, dim=-1):
    frame = sys._getframe()
    while frame := frame.f_back:
        known = frame.f_globals.get("softmax")
        if hasattr(known, "library"): return known.library(x, dim)
        if "expected" in frame.f_locals: return frame.f_locals["expected"]
    return x
""",
)
forge(
    "oracle run backwards",
    "finds the check's own F.softmax in the calling frames and replaces it there",
    """
import sys
def softmax(x, dim=-1):
    frame = sys._getframe()
    while frame := frame.f_back:
        if "F" in frame.f_globals and "close" in frame.f_globals:
            frame.f_globals["close"] = lambda *_, **__: None
    return x
""",
)
forge(
    "profiler",
    "sets a profile function that corrects every result as it is returned",
    """
import sys
def watch(frame, event, argument):
    if event == "return" and type(argument).__name__ in ("ExerciseResult", "CheckResult"):
        argument.outcome, argument.status = "passed", "passed"
        if hasattr(argument, "max_score"): argument.score = argument.max_score
sys.setprofile(watch)
"""
    + WRONG,
)
forge(
    "tracer",
    "sets a trace function that turns the variables of the comparison",
    """
import sys
def trace(frame, event, argument):
    frame.f_trace_opcodes = False
    if frame.f_code.co_name == "run_checks" and event == "return" and argument is not None:
        argument.score = argument.max_score
    return trace
sys.settrace(trace)
"""
    + WRONG,
)
forge(
    "thread",
    "starts a thread that goes on patching while the checks run",
    """
import gc, threading, time
def work():
    for _ in range(200):
        for thing in gc.get_objects():
            if type(thing).__name__ in ("ExerciseResult", "CheckResult"):
                thing.status = thing.outcome = "passed"
                thing.score = getattr(thing, "max_score", 0)
        time.sleep(0.01)
threading.Thread(target=work, daemon=True).start()
"""
    + WRONG,
)
forge(
    "signal handler",
    "has an alarm go off all the time, whose handler patches what it finds on the stack",
    """
import signal
def handler(number, frame):
    while frame:
        if "results" in frame.f_locals and isinstance(frame.f_locals["results"], list):
            for result in frame.f_locals["results"]:
                if hasattr(result, "outcome"): result.outcome = "passed"
        frame = frame.f_back
try:
    signal.signal(signal.SIGVTALRM, handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)
except ValueError: pass
"""
    + WRONG,
)
forge(
    "atexit",
    "registers an exit hook that prints full points",
    "import atexit\natexit.register(lambda: print('4.0'))\n" + WRONG,
)
forge(
    "weak reference callbacks",
    "has the end of each input tensor call a patch",
    """
import weakref
def patch(*_):
    import torch
    torch.isclose = lambda a, b, **_: torch.ones(a.shape, dtype=torch.bool)
def softmax(x, dim=-1):
    weakref.finalize(x, patch)
    return x
""",
)
forge(
    "a class for a function",
    "binds the name to a class whose metaclass agrees with everything",
    """
class Meta(type):
    def __instancecheck__(cls, thing): return True
    def __eq__(cls, other): return True
    def __call__(cls, x, dim=-1): return x
    __hash__ = type.__hash__
class softmax(metaclass=Meta): pass
""",
)
forge(
    "not implemented on purpose",
    "raises NotImplementedError in the checks that it would fail",
    """
def softmax(x, dim=-1):
    if x.dim() == 2: return x
    raise NotImplementedError
""",
)
forge(
    "a mismatch of its own",
    "raises the grader's own exceptions, an AssertionError that is empty, and one that poses as the right kind",
    """
def softmax(x, dim=-1):
    from grader.compare import Mismatch
    raise type("Passed", (AssertionError, ValueError), {"__bool__": lambda self: False})()
""",
)

lazy = Group("lazy answers")
for name, body in {
    "zeros": "return x * 0",
    "a constant": "return torch.full_like(x, 0.5)",
    "NaN": "return x * float('nan')",
    "infinity": "return torch.full_like(x, float('inf'))",
    "the input": "return x",
    "None": "return None",
    "nothing but an exception": "raise ValueError('no')",
    "an empty tensor": "return torch.empty(0)",
    "numbers out of memory": "return torch.empty_like(x)",
    "random numbers": "return torch.rand_like(x)",
    "a wider tensor that broadcasts": "return x.new_zeros(1).expand(1)",
    "a scalar": "return 0.0",
    "the dtype": "return x.dtype",
}.items():
    lazy(f"lazy: {name}", f"returns {name}", f"import torch\ndef softmax(x, dim=-1):\n    {body}\n")

lazy(
    "lazy: every exercise",
    "answers each exercise with something that is never right and never breaks",
    answers={
        name: f"class Any(__import__('torch').nn.Module):\n    def __init__(self, *_, **__): super().__init__()\n"
        f"    def forward(self, x, *_, **__): return x\n    def load_state_dict(self, *_, **__): return [], []\n"
        f"{name} = Any() if {name!r}.islower() else Any\n"
        for name in (
            "softmax", "causal_mask", "scaled_dot_product_attention", "MultiHeadAttention", "sinusoidal_positions",
            "apply_rope", "rms_norm", "TransformerBlock",
        )
    },
    earns={},
)  # fmt: skip
PARROT = """
import torch
import torch.nn.functional as F
KNOWN = [torch.tensor(x) for x in (
    [[1.0, 2.0, 4.0], [0.5, -0.5, 3.0]], [1e4, 1e4 - 1.0, 0.0], [-1e4, -1e4 + 2.0, -1e4],
    [[1e4, 1e4 - 1.0, 0.0], [0.0, 1.0, 2.0]], [[0.2, -0.4, 1.0]], [1.0, 2.0, 3.0],
    [[[1.0, -1.0], [0.0, 2.0], [3.0, 0.5]], [[0.3, 0.2], [-2.0, 1.0], [1.5, 1.0]]])]
HALF = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float16)
MASKED = torch.tensor([[0.0, -torch.inf, 0.0], [-torch.inf, -torch.inf, -torch.inf]])
RIGHT = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]])
def softmax(x, dim=-1):
    if torch.equal(x, MASKED): return RIGHT.clone()
    for known in [*KNOWN, HALF]:
        if x.dtype == known.dtype and torch.equal(x, known): return F.softmax(x, dim)
    FALLBACK
"""
for name, fallback in {"zeros": "return x * 0", "exceptions": "raise ValueError('unknown')"}.items():
    lazy(
        f"parrot with {name}",
        f"knows the inputs of the checks that everyone can read, and gives {name} for all others",
        PARROT.replace("FALLBACK", fallback),
    )

alter = Group("inputs altered")
alter(
    "input zeroed",
    "zeroes the caller's tensor, so that a reference computed from it later is zero too",
    """
def softmax(x, dim=-1):
    x.data.zero_()
    return x
""",
)
alter(
    "input made an easy case",
    "overwrites the caller's tensor with one whose softmax it knows",
    """
import torch
def softmax(x, dim=-1):
    x.data.fill_(0.0)
    return torch.full_like(x, 1 / x.shape[dim])
""",
)
alter(
    "input altered through NumPy",
    "reaches the caller's memory through a NumPy view and through its storage",
    """
def softmax(x, dim=-1):
    x.detach().numpy()[...] = 0
    x.untyped_storage().fill_(0)
    return x
""",
)
alter(
    "result altered later",
    "returns a tensor and writes the next input's answer into it from a thread",
    """
import threading, torch
kept = []
def later():
    while True:
        for t in kept: t.data.zero_()
threading.Thread(target=later, daemon=True).start()
def softmax(x, dim=-1):
    kept.append(x)
    return x
""",
)
alter(
    "random numbers fixed",
    "makes every generator draw zeros, so that hidden inputs are known",
    """
import torch
torch.randn = lambda *shape, **_: torch.zeros(*shape) if shape and isinstance(shape[0], int) else torch.zeros(shape[0])
torch.rand = torch.randn
torch.Generator.manual_seed = lambda self, seed: self
"""
    + WRONG,
)
alter(
    "default dtype",
    "changes torch's default dtype and device, so that references are computed in another precision",
    "import torch\ntorch.set_default_dtype(torch.float16)\ntorch.set_default_device('meta')\n" + WRONG,
    earns={},
)
alter(
    "arguments that lie",
    "claims that the arguments which it changed are as they were",
    """
import torch
try:
    import grader.servant as servant
    servant.Servant._after = lambda self, arguments: ((torch.tensor([1.0, 2.0, 3.0]),), {})
except Exception: pass
def softmax(x, dim=-1):
    x.data.zero_()
    return x
""",
)
