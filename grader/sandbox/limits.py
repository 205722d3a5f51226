"""What a child may use of this machine, and what is raised where no child can be had."""

from dataclasses import dataclass

from grader.channel import ChannelBroken


class SandboxError(ChannelBroken):
    """The sandbox cannot be had on this machine; one line says what is missing and how to mend it."""


@dataclass(frozen=True)
class Limits:
    """Limits on one child; a child that breaks one is told so where that can be done, else it is ended.

    Attributes:
        cell_seconds: wall time of one cell. The cell is interrupted and the next one runs; one that cannot be
            interrupted ends the child.
        call_seconds: wall time of one operation (a call, the next item of an iterator, …), callbacks included.
        total_seconds: wall time that the trusted side waits for one child, all cells and operations together.
        memory_mb: memory beyond what the zygote already has: address space of the child, and, where a cgroup can be
            made, its resident memory and files together.
        processes: threads of the child (the kernel counts them as processes), with `forks` processes as well.
        forks: let the child start processes. They share its fate, but each has an address space of its own, so that
            only a cgroup bounds their memory together.
        disk_mb: everything that the child writes; it lies in memory and vanishes with the child.
        disk_files: files and folders that it may make.
        open_files: files that it may hold open at once.
        output_kb: what is kept of a cell's standard output, and of its standard error; the rest is dropped.
        reply_mb: tensors, arrays and long texts in one message from the child.
        callbacks: calls back into the trusted side during one operation.
    """

    cell_seconds: float = 20.0
    call_seconds: float = 10.0
    total_seconds: float = 120.0
    memory_mb: int = 2048
    processes: int = 64
    forks: bool = False
    disk_mb: int = 64
    disk_files: int = 4096
    open_files: int = 256
    output_kb: int = 256
    reply_mb: int = 64
    callbacks: int = 10_000
