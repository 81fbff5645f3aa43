"""The section of the page on peers that choose their own subsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import sem

from tests.benchmarks.calibration.own_way import ALL_RANDOMIZED, HALF_RANDOMIZED, OURS, PEERS, shapiq

_MIDDLE = 120
_SURE = 2
"""Standard errors by which a mean difference must exceed zero to be called one."""
_FEWEST = 5
"""Worlds from which on a standard error is believed."""

_TEXT = """
## Peers with their own trials

The worlds of subsets with effects above ({worlds}), but all estimators choose their own subsets, with as many trials
and the same noise in every trial. All are at the best settings throughout, which is kinder to all than a study: peers
have no way to search settings. So mixtune's two arms are held there, too; "all randomized" spends every trial on pairs
of complements, "half" is its usual share, the other half chosen by its sampler (pruned trials count as trials).
Each estimator is held against its own target: the Banzhaf value where it can estimate that, or else the Shapley value.

- Peers are of {shapiq}, with the options it recommends: RegressionMSR (arXiv 2506.11849) with trees and with a
  linear model, ProxySHAP without and with the adjustment of its residuals, OddSHAP, ShaplEIG, RegressionFBII in
  pairs, SVARM, KernelSHAP in pairs. "Products of two" is ProxySHAP with a linear model of texts and pairs of them,
  for the BII.
- OddSHAP and ShaplEIG estimate Shapley values alone. ShaplEIG takes scores to be exact, so it is here also with the
  noise inferred, which its process can but its front does not offer. It is slow: one world in {every}, at most {most}
  trials.

{left_out}{verdicts}Rank correlation with the target, the mean over worlds, then by family at {middle} trials:

{ranks}
Root mean square error in spreads of the target's values:

{errors}
95% intervals that hold. All other estimators give none:

{coverage}"""


def section(
    rows: Sequence[Mapping[str, object]], left_out: Mapping[str, str], markdown: Callable[[pd.DataFrame], str]
) -> str:
    """Return the section.

    Args:
        rows: of `own_way.estimates`.
        left_out: peers that could not run, with the reason.
        markdown: turns a table into markdown.
    """
    table = pd.DataFrame(rows)
    slow = max(PEERS.values(), key=lambda peer: peer.every)
    return _TEXT.format(
        worlds=table["world"].nunique(),
        shapiq=shapiq(),
        every=slow.every,
        most=slow.most,
        left_out=_left_out(left_out),
        verdicts="".join(_verdict(table, ours) for ours in (ALL_RANDOMIZED, HALF_RANDOMIZED)),
        middle=_MIDDLE,
        ranks=markdown(_by_size(table, "rank")),
        errors=markdown(_by_size(table, "error")),
        coverage=markdown(_mean(table.dropna(subset=["covered"]), "trials", "covered").rename(columns=_trials)),
    )


def _left_out(reasons: Mapping[str, str]) -> str:
    names = {why: [name for name in reasons if reasons[name] == why] for why in reasons.values()}
    said = "; ".join(f"{', '.join(map(_quoted, of))} ({why})" for why, of in names.items())
    return f"**Left out here**: {said}.\n\n" if said else ""


def _quoted(name: str) -> str:
    return f"“{name}”" if "," in name else name


def _by_size(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Means by number of trials, by family at the middle one, and the difference from ours on the same worlds."""
    middle = table[table["trials"] == _MIDDLE]
    worlds = table.groupby("estimator")["world"].nunique().rename("worlds")
    targets = table.groupby("estimator")["target"].first()
    less = {
        name: f"{mean:+.3f} ± {error:.3f}"
        for name, mean, error in _differences(middle, ALL_RANDOMIZED, column)
        if np.isfinite(error) and name != ALL_RANDOMIZED
    }
    compared = pd.Series(less, name=f"less the first row, same worlds, {_MIDDLE}", dtype=object)
    families = _mean(middle, "family", column)[list(middle["family"].unique())]
    families = families.rename(columns=lambda name: f"{name}, {_MIDDLE}")
    sizes = _mean(table, "trials", column).rename(columns=_trials)
    found = sizes.join([families, targets, worlds, compared])
    found[compared.name] = found[compared.name].fillna("-")
    return found


def _differences(table: pd.DataFrame, ours: str, column: str) -> list[tuple[str, float, float]]:
    """Each estimator's mean less ours, over worlds that both saw, and its standard error; infinite from too few."""
    wide = table.pivot_table(index="world", columns="estimator", values=column, sort=False)
    found = []
    for name in wide.columns:
        more = (wide[name] - wide[ours]).dropna().to_numpy(dtype=float)
        found.append((str(name), float(more.mean()), float(sem(more)) if len(more) >= _FEWEST else np.inf))
    return found


def _mean(table: pd.DataFrame, columns: str, values: str) -> pd.DataFrame:
    found = table.pivot_table(index="estimator", columns=columns, values=values, sort=False)
    return found.reindex(columns=sorted(found.columns))


def _trials(size: int) -> str:
    return f"{size} trials"


def _verdict(table: pd.DataFrame, ours: str) -> str:
    """Sentences on which peers rank or estimate better than one of ours, on the worlds that both saw."""
    parts = [
        f"by {what} {_list(_better(table, ours, column, sign))}"
        for what, column, sign in (("rank", "rank", 1), ("error", "error", -1))
    ]
    return (
        f"**Better than “{ours}”**, by more than {_SURE} standard errors of the difference over the same worlds: "
        f"{'; '.join(parts)}.\n\n"
    )


def _better(table: pd.DataFrame, ours: str, column: str, sign: int) -> list[str]:
    return [
        f"{name} at {size} trials (by {sign * mean:.3f} ± {error:.3f})"
        for size, of in table.groupby("trials")
        for name, mean, error in _differences(of, ours, column)
        if name not in OURS and sign * mean > _SURE * error
    ]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
