"""`mixtune t2l write` and `mixtune t2l rank`: use a trained hypernetwork."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

from objectives.text_to_lora.checkpoint import METADATA_FILE, HypernetCheckpoint
from objectives.text_to_lora.texts import written_gain
from objectives.text_to_lora.writing import Writer
from spaces import Corpus, InputError, scan
from spaces.corpus import read_file
from spaces.errors import listed
from spaces.files import whole
from studies.analysis.estimands import estimand_of
from studies.analysis.units import Unit, unit_of
from studies.jobs.export import refuse_existing
from studies.jobs.text_to_lora.cross_validation import CrossValidation, describe_validation
from studies.jobs.text_to_lora.source import open_context
from studies.report.spreadsheets import write_csv
from studies.storage.store import open_store
from studies.storage.stored import StoredStudy

FOLDER = "t2l"
"""Subfolder of a study for its hypernetwork."""


def find_network(given: Path | None, runs: Path) -> Path:
    """Return the folder of a hypernetwork; by default, the only one among the studies.

    Raises:
        InputError: there is no hypernetwork, or more than one.
    """
    if given is not None:
        return given
    networks = sorted(path.parent for path in runs.glob(f"*/{FOLDER}/{METADATA_FILE}"))
    if len(networks) != 1:
        reason = f"there are {listed(map(str, networks))}" if networks else f"there is none in {str(runs)!r}"
        raise InputError(
            f"--network must name the folder of a hypernetwork; {reason}. Create one with `mixtune t2l train`.",
            code="not-one-hypernetwork",
        )
    return networks[0]


@dataclass(frozen=True, slots=True)
class Written:
    """Result of `write_adapter`."""

    base: str
    weights: int
    far: bool
    """Whether a description was given to a network that was trained on texts."""


def write_adapter(network: Path, source: str | Path, out: Path, *, trust_code: bool = False) -> Written:
    """Generate an adapter from a description, or from the text in a file, and write a plain PEFT folder.

    Raises:
        InputError: the network or the file cannot be read, or `out` exists.
    """
    refuse_existing(out)
    writer = Writer.open(network, trust_code=trust_code)
    adapters = writer.read(read_file(source)) if isinstance(source, Path) else writer.described(source)
    adapter = writer.learned(adapters, out.name)
    with whole(out, overwrite=False) as unfinished:
        adapter.save(unfinished.parent, unfinished.name)
    far = not isinstance(source, Path) and "study" in writer.stored.origin
    return Written(writer.stored.base, adapter.trainable, far)


def _load_study(network: Path, origin: Mapping[str, str]) -> StoredStudy:
    """Load the study that a hypernetwork was trained on.

    Raises:
        InputError: the study is missing, or was launched again since.
    """
    study = open_store(origin["url"]).load(origin["name"])
    if study.id != origin["id"]:
        raise InputError(
            f"The study {origin['name']!r} was launched again since the hypernetwork in {str(network)!r} was trained. "
            "Train a new hypernetwork: mixtune t2l train STUDY",
            code="study-launched-anew",
        )
    return study


def rank_texts(console: Console, network: Path, folder: Path, out: Path, prior: Path | None) -> None:
    """Predict the effects of new texts, print them from best to worst with their reliability, and write a table.

    Args:
        console: console to print to.
        network: folder of a hypernetwork that was trained on a study.
        folder: folder of the new texts.
        out: CSV file to write.
        prior: YAML file to write, for `search.prior_effects` of a study of these texts.

    Raises:
        InputError: the network was not trained on a study, or the study is missing.
    """
    stored = HypernetCheckpoint.load(network)
    if "study" not in stored.origin:
        raise InputError(
            f"The hypernetwork in {str(network)!r} was trained on tasks, so there are no questions to rate texts by. "
            "Train a hypernetwork on a study: mixtune t2l train STUDY",
            code="hypernetwork-of-tasks",
        )
    origin, validation = stored.origin["study"], CrossValidation(**stored.origin["trust"])
    study = _load_study(network, origin)
    if prior is not None:
        _check_prior(validation, study)
    corpus = _new_texts(folder, study.spec.space.texts.unit)
    with console.status("Loading the study's base and questions …"):
        context = open_context(study, Path(origin["folder"]) / "cache", stored.encoder, whole=stored.whole_texts)
    gains = {}
    for text in corpus.texts:
        with console.status(f"Writing and scoring an adapter for {text.name} …"):
            encoded = context.reader.encoded(text, context.resources)
            gains[text.name] = written_gain(stored.network, encoded, context.resources)
    names = sorted(gains, key=lambda name: -gains[name])
    effects = {name: validation.effect(gains[name]) for name in names}
    table = pd.DataFrame({"text": names, "gain": [gains[name] for name in names], "predicted_effect": effects.values()})
    write_csv(table, out)
    if prior is not None:
        _write_prior(prior, effects)
    _print_ranking(console, table.to_dict("records"), validation, unit_of(study))
    console.print(f"Wrote {out}" + (f" and {prior}" if prior is not None else ""), highlight=False)


def _new_texts(folder: Path, unit: Literal["file", "group"]) -> Corpus:
    """Read the texts of a folder that belongs to no study.

    Raises:
        InputError: the folder holds no texts, or a text cannot be read.
    """
    if not folder.is_dir():
        raise InputError(
            f"`mixtune t2l rank` needs a folder of texts; {str(folder)!r} is not a folder.", code="folder-missing"
        )
    return scan(folder, unit, fewest=1)


def _check_prior(validation: CrossValidation, study: StoredStudy) -> None:
    """Check that the predicted effects are suitable as a prior.

    Raises:
        InputError: the effects are of another kind, or no better than guessing.
    """
    if not estimand_of(study).is_inclusion:
        raise InputError(
            f"--prior is for studies that choose any subset of their texts; the effects of {study.spec.name!r} mean "
            "something else. Omit it.",
            code="prior-without-subset",
        )
    if not validation.shown:
        raise InputError(
            f"--prior needs predictions that are better than guessing, so omit it. {describe_validation(validation)}",
            code="prior-not-trusted",
        )


def _write_prior(path: Path, effects: dict[str, float]) -> None:
    rounded = {name: round(value, 6) for name, value in effects.items()}
    path.write_text(yaml.safe_dump({"prior_effects": rounded}, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _print_ranking(
    console: Console, rows: Sequence[Mapping[Hashable, Any]], validation: CrossValidation, unit: Unit
) -> None:
    title = f"Predicted effects of new texts ({unit.effect})"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("text", overflow="fold")
    for head in ("gain of its adapter", "predicted effect"):
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(str(row["text"]), unit.signed(float(row["gain"])), unit.signed(float(row["predicted_effect"])))
    console.print(table)
    console.print(describe_validation(validation), highlight=False)
