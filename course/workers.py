"""A team of real processes that exchange tensors by gloo on this machine, and the jobs that it can do.

    with Team(2) as team:
        reports = team.do("data_parallel", steps=20)

The processes meet by a file and talk over the loopback interface, so no network is needed. Left out: several machines,
GPUs (where NCCL takes gloo's place), and what a launcher such as torchrun adds.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

Report = dict[str, Any]
WIDTH, CLASSES, ROWS = 32, 10, 64


class TeamError(RuntimeError):
    """A process of a team failed; the message says which, and why."""


class Team:
    """`size` processes, started afresh; closed at the end of a `with` block."""

    def __init__(self, size: int = 2):
        self.size, self._folder = size, tempfile.TemporaryDirectory()
        context, self._pipes, self._processes = multiprocessing.get_context("spawn"), [], []
        for rank in range(size):
            pipe, theirs = context.Pipe()
            arguments = (rank, size, f"{self._folder.name}/meeting", theirs)
            self._processes.append(context.Process(target=_work, args=arguments, daemon=True))
            self._processes[-1].start()
            self._pipes.append(pipe)
            theirs.close()

    def do(self, job: str, **settings: Any) -> list[Report]:
        """Have all processes do a job of `JOBS`; their reports in the order of their ranks.

        Raises ValueError for a job that does not exist, TeamError where a process fails.
        """
        if job not in JOBS:
            raise ValueError(f"No job is called {job!r}. There are: {', '.join(JOBS)}.")
        for pipe in self._pipes:
            pipe.send((job, settings))
        reports = []
        for rank, pipe in enumerate(self._pipes):
            try:
                report = pipe.recv()
            except EOFError:
                report = "it ended without a word"
            if isinstance(report, str):
                self.close()
                raise TeamError(f"Process {rank} failed at {job!r}: {report}")
            reports.append(report)
        return reports

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(timeout=5)
            process.kill()
        self._folder.cleanup()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _work(rank: int, size: int, meeting: str, pipe: Connection) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    try:
        while True:
            job, settings = pipe.recv()
            pipe.send(JOBS[job](rank, size, **settings))
    except EOFError:  # the team was closed
        pass
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
    finally:
        dist.destroy_process_group()


def network() -> nn.Sequential:
    """A small classifier, with the same weights in every process."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, CLASSES))


def batch(step: int) -> tuple[Tensor, Tensor]:
    """The whole batch of a step: rows (64, 32) of noise around one centre a class, and their classes (64,)."""
    generator = torch.Generator().manual_seed(step)
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(-1))
    classes = torch.randint(CLASSES, (ROWS,), generator=generator)
    return centres[classes] + torch.randn(ROWS, WIDTH, generator=generator), classes


def weights_of(model: nn.Module) -> Tensor:
    """All weights in one row."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def average_gradients(model: nn.Module, processes: int) -> None:
    """Replace each gradient by its mean over all processes: one all-reduce a parameter."""
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= processes


def data_parallel(rank: int, processes: int, steps: int = 20, average: bool = True) -> Report:
    """Train on this process's part of each batch; with `average`, gradients are averaged over all after each."""
    model, losses = network(), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(steps):
        rows, classes = (part.chunk(processes)[rank] for part in batch(step))
        loss = F.cross_entropy(model(rows), classes)
        loss.backward()
        if average:
            average_gradients(model, processes)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return {"losses": losses, "weights": weights_of(model)}


def ring(rank: int, processes: int, numbers: int = 8) -> Report:
    """Sum each process's row of numbers over all of them, by messages to the next in the ring alone.

    First each part travels round and grows to its sum (reduce-scatter), then the sums travel round (all-gather).
    """
    parts = list((torch.arange(numbers, dtype=torch.float32) + 100 * rank).chunk(processes))
    sent = 0
    for step in range(2 * (processes - 1)):
        outgoing, incoming = (rank - step) % processes, (rank - step - 1) % processes
        received = torch.empty_like(parts[incoming])
        waiting = dist.isend(parts[outgoing], (rank + 1) % processes)
        dist.recv(received, (rank - 1) % processes)
        waiting.wait()
        sent += parts[outgoing].nbytes
        parts[incoming] = parts[incoming] + received if step < processes - 1 else received
    return {"sum": torch.cat(parts), "bytes_sent": sent}


def zero(rank: int, processes: int, steps: int = 20, sharded: bool = True) -> Report:
    """Data parallel, with AdamW's numbers kept whole in each process or shared out (ZeRO stage 1)."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    model = network()
    settings = {"lr": 1e-2}
    optimizer = (
        ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, **settings)
        if sharded
        else torch.optim.AdamW(model.parameters(), **settings)
    )
    for step in range(steps):
        rows, classes = (part.chunk(processes)[rank] for part in batch(step))
        F.cross_entropy(model(rows), classes).backward()
        average_gradients(model, processes)
        optimizer.step()
        optimizer.zero_grad()
    inner = optimizer.optim if sharded else optimizer
    held = sum(x.nbytes for state in inner.state.values() for x in state.values() if x.dim())
    return {"weights": weights_of(model), "optimizer_bytes": held}


JOBS: dict[str, Callable[..., Report]] = {"data_parallel": data_parallel, "ring": ring, "zero": zero}
