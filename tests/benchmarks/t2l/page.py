"""The page of results, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import seaborn as sns
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from studies.report.figures.style import axes_of
from tests.benchmarks.search_regret.sheets import Sheet, mean_and_interval
from tests.benchmarks.t2l import costs
from tests.benchmarks.t2l.compression import HEADS, NUMBERS, Held
from tests.benchmarks.t2l.family import family
from tests.benchmarks.t2l.rivals import Found
from tests.benchmarks.t2l.world import ASKED, World

_INTRODUCTION = """\
# Text-to-LoRA: results

*Written by `make t2l` on {today} ({minutes:.0f} min on this machine); do not edit by hand. What they mean: \
[text_to_lora.md](text_to_lora.md).*

{tasks} tasks for the shipped base (854,144 weights), {held} of them held out; {seeds} seeds, which differ in the
training questions, first weights and order. Every prompt reads `which of a b c d is any?`; a task says which of the
four words is right. {asked} test questions each, with sets of words that no training question has; chance is 25%.
Accuracies are means over tasks, and over a task's three wordings, ± half of the 95% interval over seeds.

"""
_PICTURE = "pictures/t2l-adapters.png"


def write(docs: Path, found: Sequence[Found], held: Sequence[Sequence[Held]], minutes: float) -> None:
    """Write the page and its picture."""
    tasks = family()
    out = sum(task.held_out for task in tasks)
    head = {"today": date.today().isoformat(), "minutes": minutes, "tasks": len(tasks), "held": out, "asked": ASKED}  # noqa: DTZ011
    picture(docs / _PICTURE, found[0].written)
    sheets = [rivals(found), tasks_held_out(found), compression(held), small_costs(), large_costs()]
    shown = f"![Adapters that the L head writes, in two dimensions]({_PICTURE})\n\n*{_CAPTION}*\n"
    body = "\n".join(sheet.markdown() for sheet in sheets)
    (docs / "text_to_lora_results.md").write_text(
        _INTRODUCTION.format(**head, seeds=len(found)) + body + "\n" + shown, encoding="utf-8"
    )


def rivals(found: Sequence[Found]) -> Sheet:
    """Every rival on the tasks that were learned from, and on the others."""
    world = World(0)
    rows = []
    for name in found[0].accuracies:
        columns = []
        for numbers in (world.training, world.held_out):
            means = [np.mean([each.accuracies[name][number] for number in numbers]) for each in found]
            columns.append(mean_and_interval([float(100 * mean) for mean in means], 1))
        rows.append((name, *columns))
    note = "Per cent answered right. T2L end to end and the LoRAs for all tasks are trained on as many questions. "
    note += "The L1 errors of reconstruction, in standard deviations of the library: "
    note += ", ".join(f"{head} {mean_and_interval([each.errors[head] for each in found], 3)}" for head in "LMS") + "."
    return Sheet("Accuracy", note, ("", "tasks learned from", "tasks held out"), tuple(rows))


def tasks_held_out(found: Sequence[Found]) -> Sheet:
    """Task by task."""
    world = World(0)
    shown = (
        "base",
        "one LoRA for all tasks",
        "one LoRA for all, description in the prompt",
        "T2L L, end to end",
        "a LoRA for each task (oracle)",
    )
    rows = [
        (
            world.tasks[number].name,
            *(mean_and_interval([100 * each.accuracies[name][number] for each in found], 0) for name in shown),
        )
        for number in world.held_out
    ]
    return Sheet("Held-out tasks one by one", "Per cent answered right.", ("task", *shown), tuple(rows))


def compression(held: Sequence[Sequence[Held]]) -> Sheet:
    """Quality and error against the number of adapters."""
    rows = []
    for head in HEADS:
        for measure, digits in (("quality", 3), ("error", 3)):
            by_number = [
                mean_and_interval(
                    [
                        getattr(one, measure)
                        for each in held
                        for one in each
                        if (one.head, one.number) == (head, number)
                    ],
                    digits,
                )
                for number in NUMBERS
            ]
            rows.append((f"{head}, {measure}", *by_number))
    note = (
        "One-hot ids. Quality: the share of the adapters' gain over the base that is kept; error: mean L1, in standard "
    )
    note += f"deviations of the library. {len(held)} seeds."
    return Sheet("Adapters in one network", note, ("", *(f"{number} adapters" for number in NUMBERS)), tuple(rows))


def small_costs() -> Sheet:
    """On the shipped base."""
    world = World(0)
    return _costs(f"Writing an adapter of the shipped base ({world.target.weights:,} weights)", costs.small(world))


def large_costs() -> Sheet:
    """On the paper's."""
    title = (
        f"Writing an adapter of the paper's target ({costs.MISTRAL.weights:,} weights; 32 layers, width 4096, rank 8)"
    )
    sheet = _costs(title, costs.large())
    rows = tuple((*row[:2], costs.PAPER.get(row[0], "-"), *row[2:]) for row in sheet.rows)
    return replace(sheet, columns=(*sheet.columns[:2], "in the paper", *sheet.columns[2:]), rows=rows)


def _costs(title: str, found: Sequence[costs.Cost]) -> Sheet:
    rows = tuple(
        (
            cost.of,
            f"{cost.weights:,}" if cost.weights is not None else "-",
            f"{cost.milliseconds:,.1f}" if cost.milliseconds is not None else "-",
            f"{cost.flops / 1e9:,.3f}",
        )
        for cost in found
    )
    note = "One description; medians of 21 passes, training once (150 steps of 8 questions); -: not measured."
    return Sheet(title, note, ("", "learned weights", "ms, one thread", "10^9 operations"), rows)


_CAPTION = (
    "All weights of the adapters that the L head, trained end to end, writes for each task's first wording (t-SNE, "
    "seed 0); crosses are held-out tasks, colors are kinds of tasks."
)


def picture(path: Path, written: NDArray[np.float32]) -> None:
    """Adapters in two dimensions, colored by the kind of the task."""
    tasks = family()
    places = TSNE(perplexity=8, random_state=0, init="pca").fit_transform(written - written.mean(axis=0))
    figure, axes = axes_of(4.5)
    sns.scatterplot(
        x=places[:, 0],
        y=places[:, 1],
        hue=[task.kind for task in tasks],
        style=["held out" if task.held_out else "learned from" for task in tasks],
        markers={"learned from": "o", "held out": "X"},
        palette="colorblind",
        s=70,
        ax=axes,
    )
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
