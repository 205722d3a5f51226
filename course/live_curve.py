"""A loss curve that grows while a model trains, with a progress bar above it.

`LiveCurve(steps)` puts both into the notebook; call it with each entry of the log. The last state stays when the cell
ends, so a saved notebook shows the whole curve. Left out: anything that needs a front end beyond plain HTML.
"""

from __future__ import annotations

from html import escape

from IPython.display import DisplayHandle
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots


def draw(log: list[dict], steps: int, mark: int | None = None) -> tuple[Figure, str]:
    """The two losses of a log against steps; a dotted line at `mark`, where a run was resumed. Gives (figure, alt)."""
    figure, axes = pyplot.subplots(figsize=(8, 3.7), layout="none")
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.15, top=0.9)
    done = [entry["step"] for entry in log]
    axes.plot(done, [entry["text_loss"] for entry in log], color=plots.BLUE, label="text")
    axes.plot(done, [entry["answer_loss"] for entry in log], color=plots.ORANGE, ls="--", label="answers")
    if mark is not None:
        axes.axvline(mark, color=plots.MUTED, ls=":", label="stopped, then resumed")
    last = log[-1]
    axes.set(xlim=(0, steps), ylim=(0, 9.5), xlabel="step", ylabel="loss (nats a token)")
    axes.set_title(f"After {last['tokens']:,} tokens: text {last['text_loss']:.1f}, answers {last['answer_loss']:.1f}")
    axes.legend(loc="upper right")
    alt = (
        f"Training loss against step, up to step {last['step']} of {steps}. Text falls from {log[0]['text_loss']:.1f} "
        f"to {last['text_loss']:.1f} nats, answers from {log[0]['answer_loss']:.1f} to {last['answer_loss']:.1f}."
    )
    return figure, alt


def bar(step: int, steps: int, seconds: float) -> str:
    """A progress bar in HTML, with what it says beside it in words."""
    said = f"step {step} of {steps} · {seconds:.0f} s"
    return f'<progress value="{step}" max="{steps}" style="width:50%" title="Training"></progress> {said}'


class LiveCurve:
    """Called with each log entry (`step`, `tokens`, `text_loss`, `answer_loss`, `seconds`), it redraws bar and curve.

    `log` are entries of an earlier part of the run, `mark` the step at which that part ended.
    """

    def __init__(self, steps: int, log: list[dict] | None = None, mark: int | None = None):
        self.steps, self.log, self.mark = steps, list(log or []), mark
        first = self.log[-1] if self.log else {"step": 0, "seconds": 0.0}
        self._bar, self._picture = DisplayHandle(), DisplayHandle()
        self._bar.display(self._html(first), raw=True)
        self._drawn = False

    def _html(self, entry: dict, alt: str = "") -> dict:
        words = f"<details><summary>The picture in words</summary>{escape(alt)}</details>" if alt else ""
        return {
            "text/html": bar(entry["step"], self.steps, entry["seconds"]) + words,
            "text/plain": f"step {entry['step']} of {self.steps}",
        }

    def __call__(self, entry: dict) -> None:
        self.log.append(entry)
        figure, alt = draw(self.log, self.steps, self.mark)
        image = plots.png(figure)
        plots.close(figure)
        data, metadata = {"image/png": image, "text/plain": f"Picture: {alt}"}, {"image/png": {"alt": alt}}
        self._bar.update(self._html(entry, alt), raw=True)
        put = self._picture.update if self._drawn else self._picture.display
        put(data, metadata=metadata, raw=True)
        self._drawn = True
