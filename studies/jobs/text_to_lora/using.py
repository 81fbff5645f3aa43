"""`mixtune t2l write` and `mixtune t2l rank`: what a trained hypernetwork is for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

from objectives.text_to_lora.checkpoint import TOLD, HypernetCheckpoint
from objectives.text_to_lora.texts import written_gain
from objectives.text_to_lora.writing import Writer
from spaces import Corpus, InputError, scan
from spaces.corpus import read_file
from spaces.errors import listed
from spaces.files import whole
from studies.analysis.estimands import estimand_of
from studies.analysis.units import Unit, unit_of
from studies.jobs.export import refuse_existing
from studies.jobs.text_to_lora.cross_validation import CrossValidation, trust_words
from studies.jobs.text_to_lora.source import open_context
from studies.report.spreadsheets import write_csv
from studies.storage.store import open_store
from studies.storage.stored import StoredStudy

FOLDER = "t2l"
"""Of a study, where its hypernetwork lies."""


def find_network(given: Path | None, runs: Path) -> Path:
    """The folder of a hypernetwork; the only one of the studies where none is given.

    Raises:
        InputError: there is none, or more than one.
    """
    if given is not None:
        return given
    found = sorted(path.parent for path in runs.glob(f"*/{FOLDER}/{TOLD}"))
    if len(found) != 1:
        there = f"there are {listed(map(str, found))}" if found else f"there is none in {str(runs)!r}"
        raise InputError(
            f"--network must name the folder of a hypernetwork; {there}. `mixtune t2l train` makes one.",
            code="not-one-hypernetwork",
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class Written:
    """An adapter that lies in a folder."""

    base: str
    weights: int
    far: bool
    """Whether it was asked for in words, of a network that has learned from texts."""


def write_adapter(network: Path, wanted: str | Path, out: Path, *, trust_code: bool = False) -> Written:
    """Write a plain PEFT folder for a description, or for the text in a file.

    Raises:
        InputError: the network or the file cannot be read, or `out` exists.
    """
    refuse_existing(out)
    writer = Writer.open(network, trust_code=trust_code)
    adapters = writer.read(read_file(wanted)) if isinstance(wanted, Path) else writer.described(wanted)
    learned = writer.learned(adapters, out.name)
    with whole(out, overwrite=False) as unfinished:
        learned.save(unfinished.parent, unfinished.name)
    far = not isinstance(wanted, Path) and "study" in writer.stored.origin
    return Written(writer.stored.base, learned.trainable, far)


def _its_study(network: Path, where: Mapping[str, str]) -> StoredStudy:
    """The study that a hypernetwork was trained on.

    Raises:
        InputError: it is gone, or was launched anew.
    """
    study = open_store(where["url"]).load(where["name"])
    if study.id != where["id"]:
        raise InputError(
            f"The study {where['name']!r} was launched anew since the hypernetwork in {str(network)!r} was trained on "
            "it. Train another one on it: mixtune t2l train STUDY",
            code="study-launched-anew",
        )
    return study


def rank_texts(console: Console, network: Path, folder: Path, out: Path, prior: Path | None) -> None:
    """Say what new texts would do, the best first, and how far that can be trusted; write it as a table.

    Args:
        console: for the answer.
        network: folder of a hypernetwork that was trained on a study.
        folder: of the texts.
        out: CSV file to write.
        prior: YAML file to write, for `search.prior_effects` of a study of these texts.

    Raises:
        InputError: the network was not trained on a study, or the study is gone.
    """
    stored = HypernetCheckpoint.load(network)
    if "study" not in stored.origin:
        raise InputError(
            f"The hypernetwork in {str(network)!r} was trained on tasks, so there are no questions to rate texts by. "
            "Train one on a study: mixtune t2l train STUDY",
            code="hypernetwork-of-tasks",
        )
    where, trust = stored.origin["study"], CrossValidation(**stored.origin["trust"])
    study = _its_study(network, where)
    if prior is not None:
        _refuse_prior(trust, study)
    corpus = _new_texts(folder, study.spec.space.texts.unit)
    with console.status("Loading the study's base and questions …"):
        context = open_context(study, Path(where["folder"]) / "cache", stored.encoder, whole=stored.whole_texts)
    gains = {}
    for text in corpus.texts:
        with console.status(f"Writing and scoring an adapter for {text.name} …"):
            encoded = context.reader.encoded(text, context.resources)
            gains[text.name] = written_gain(stored.network, encoded, context.resources)
    order = sorted(gains, key=lambda name: -gains[name])
    effects = {name: trust.effect(gains[name]) for name in order}
    table = pd.DataFrame({"text": order, "gain": [gains[name] for name in order], "predicted_effect": effects.values()})
    write_csv(table, out)
    if prior is not None:
        _write_prior(prior, effects)
    _print_ranking(console, table.to_dict("records"), trust, unit_of(study))
    console.print(f"Wrote {out}" + (f" and {prior}" if prior is not None else ""), highlight=False)


def _new_texts(folder: Path, unit: Literal["file", "group"]) -> Corpus:
    """The texts of a folder that belongs to no study.

    Raises:
        InputError: it holds none, or one cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"`mixtune t2l rank` takes a folder of texts; {str(folder)!r} is none.", code="folder-missing")
    return scan(folder, unit, fewest=1)


def _refuse_prior(trust: CrossValidation, study: StoredStudy) -> None:
    """See that effects are foretold that a sampler should hear of."""
    if not estimand_of(study).is_inclusion:
        raise InputError(
            f"--prior is for studies that choose any subset of their texts; the effects of {study.spec.name!r} say "
            "something else. Leave it out.",
            code="prior-without-subset",
        )
    if not trust.shown:
        raise InputError(
            f"--prior is only for predictions that are better than guessing, so leave it out. {trust_words(trust)}",
            code="prior-not-trusted",
        )


def _write_prior(path: Path, effects: dict[str, float]) -> None:
    rounded = {name: round(value, 6) for name, value in effects.items()}
    path.write_text(yaml.safe_dump({"prior": rounded}, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _print_ranking(
    console: Console, rows: Sequence[Mapping[Hashable, Any]], trust: CrossValidation, unit: Unit
) -> None:
    title = f"What new texts would do ({unit.effect})"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("text", overflow="fold")
    for head in ("adapter written for it", "predicted effect"):
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(str(row["text"]), unit.signed(float(row["gain"])), unit.signed(float(row["predicted_effect"])))
    console.print(table)
    console.print(trust_words(trust), highlight=False)
