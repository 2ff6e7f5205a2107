"""Attributes that share latent tasks (W = L S, solved by proximal gradient) against one support vector machine each.

    python benchmarks/cnn_mtl.py made pokesprite --seeds 3 --save

Binary attributes, the same features, the same split, the same squared hinge: scikit-learn's `LinearSVC` per attribute,
its C chosen on validation, once for all attributes ("svm") and once for each ("svm, own C"); and the factorisation, its
one strength chosen on validation from a grid of as many values, its groups the columns that the attributes come from:
with the published penalties ("published"), and with Frobenius on both factors and nothing else ("frobenius"). "search"
is `search_factorisation`: a ridge on the product as well, its strength found with every attribute alone.
With all labels, and with a tenth of the cells. Accuracy and F1 are means over attributes on the test rows; time is that
of one fit at the setting that was chosen, and of the search.

`made`: 23 attributes of four groups, 1,900 training rows, 1,280 features, drawn. `pokesprite`, `fashion`, `grocery`,
`coffee_leaf`: every class of the named columns with at least 40 rows is an attribute; needs the development photos
(`FACETWISE_REALDATA`) and describes them with the default backbone once.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import mean

import numpy as np
import polars as pl
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

import facetwise as fw
from facetwise.models.factorisation import factorise, search_factorisation

COLUMNS = {
    "pokesprite": ("evolution_chain_id", ["types", "egg_groups", "color", "shape"]),
    "coffee_leaf": ("id", ["predominant_stress", "miner", "rust", "phoma", "cercospora", "severity"]),
    "grocery": ("image", ["department", "coarse", "pack_organic"]),
    "fashion": ("productDisplayName", ["gender", "masterCategory", "season", "usage", "baseColour"]),
}
MIN_ROWS, CELLS = 40, 0.1
LINES = ("svm", "published", "frobenius", "search")
# Seven of each. C stands before the loss, the strength before the penalties;
CS = [10.0 ** (power * 5 / 6 - 5) for power in range(7)]
STRENGTHS = [0.05 * 6.0**power for power in range(7)]
# LinearSVC penalises its intercept, which costs it dearly where few rows and a small C meet; this makes that small.
INTERCEPT = 10.0

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def made(seed: int) -> Data:
    """Features, labels, group of each attribute, part of each row (0 train, 1 validation, 2 test)."""
    rng = np.random.default_rng(seed)
    rows, width, attributes, groups = 1900 + 2 * 950, 1280, 23, 4
    member = np.arange(attributes) * groups // attributes
    latent = rng.normal(size=(width, 2 * groups)) * (rng.random((width, 2 * groups)) < 0.05)
    combination = rng.normal(size=(2 * groups, attributes)) * (np.arange(2 * groups)[:, None] // 2 == member)
    features = rng.normal(size=(rows, width))
    scores = features @ latent @ combination
    labels = np.sign(scores / scores.std(axis=0) + 0.3 * rng.normal(size=scores.shape))
    return features, labels, member, np.repeat([0, 1, 2], [1900, 950, 950])


def photos(name: str, seed: int) -> Data:
    """The same of development photos; 60 % train, 20 % validation, 20 % test, rows of a group together."""
    root = Path(os.environ.get("FACETWISE_REALDATA", "../shared/data")) / name
    group, columns = COLUMNS[name]
    table = pl.read_csv(root / "labels.csv", infer_schema_length=0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.npy"
        fw.extract(root / "labels.csv", images=root, to=file, levels="last")
        features = np.load(file)[:, :1280].astype(float)  # means over the last map
    rng = np.random.default_rng(seed)
    owners = table[group].fill_null("").to_numpy()
    names, owner = np.unique(owners, return_inverse=True)
    part = rng.choice([0, 1, 2], size=len(names), p=[0.6, 0.2, 0.2])[owner]
    labels, member = [], []
    for number, column in enumerate(columns):
        cells = [set(cell.split("|")) if cell else set() for cell in table[column]]
        known = np.array([bool(cell) for cell in cells])
        for value in sorted(set().union(*cells)):
            there = np.array([value in cell for cell in cells])
            if min(there.sum(), (known & ~there).sum()) >= MIN_ROWS:
                labels.append(np.where(known, np.where(there, 1.0, -1.0), np.nan))
                member.append(number)
    whole = np.isfinite(features).all(axis=1)
    return features[whole], np.stack(labels, axis=1)[whole], np.array(member), part[whole]


def judge(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Accuracy and F1, means over attributes, labelled cells only."""
    known = ~np.isnan(truth)
    pairs = [(truth[known[:, a], a], predicted[known[:, a], a]) for a in range(truth.shape[1])]
    return mean(float((t == p).mean()) for t, p in pairs), mean(
        float(f1_score(t, p, pos_label=1, zero_division=0.0)) for t, p in pairs
    )


def machines(x: np.ndarray, y: np.ndarray, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """One `LinearSVC` per attribute (on the dual: quicker at a large C); where there is one value, that."""
    made_ones = []
    for a in range(y.shape[1]):
        known = ~np.isnan(y[:, a])
        values = np.unique(y[known, a])
        fit = (
            None
            if len(values) < 2
            else LinearSVC(C=c, intercept_scaling=INTERCEPT, dual=True, random_state=0).fit(x[known], y[known, a])
        )
        made_ones.append((fit, values[0]))
    return lambda rows: np.stack(
        [np.full(len(rows), value) if fit is None else fit.predict(rows) for fit, value in made_ones], axis=1
    )


def compare(data: Data, share: float, seed: int, wanted: list[str]) -> dict[str, dict[str, float]]:
    """The wanted lines at one share of labelled cells."""
    features, labels, member, part = data
    x = [features[part == number] for number in range(3)]
    centre, spread = x[0].mean(axis=0), x[0].std(axis=0) + 1e-9
    x = [(each - centre) / spread for each in x]
    y = [labels[part == number].copy() for number in range(3)]
    hidden = np.random.default_rng(1000 + seed).random(y[0].shape) >= share
    y[0][hidden] = np.nan
    held = ~np.isnan(y[0]).all(axis=0)
    y, member = [each[:, held] for each in y], member[held]
    told: dict[str, dict[str, float]] = {}

    def published(strength: float) -> Callable[[np.ndarray], np.ndarray]:
        return factorise(
            x[0], y[0], groups=member, group_norm=strength, l1_latent=0.1 * strength, frobenius_latent=strength
        ).predict

    def frobenius(strength: float) -> Callable[[np.ndarray], np.ndarray]:
        return factorise(
            x[0], y[0], groups=member, group_norm=0.0, l1_latent=0.0, frobenius_latent=strength,
            frobenius_combination=strength,
        ).predict  # fmt: skip

    def report(line: str, answers: np.ndarray, **more: float) -> None:
        accuracy, f1 = judge(answers, y[2])
        told[line] = {"accuracy": accuracy, "f1": f1, **more}

    lines = {
        "svm": (CS, lambda c: machines(x[0], y[0], c)),
        "published": (STRENGTHS, published),
        "frobenius": (STRENGTHS, frobenius),
    }
    for line, (grid, fit) in lines.items():
        if line not in wanted:
            continue
        times, on_validation, on_test = [], [], []
        for value in grid:
            began = time.perf_counter()
            predict = fit(value)
            times.append(time.perf_counter() - began)
            on_validation.append(predict(x[1]))
            on_test.append(predict(x[2]))
        best = max(range(len(grid)), key=lambda n: judge(on_validation[n], y[1])[0])
        report(line, on_test[best], seconds=times[best], search=sum(times), chosen=grid[best])
        if line == "svm":
            right = np.stack([np.nanmean(np.where(np.isnan(y[1]), np.nan, p == y[1]), axis=0) for p in on_validation])
            own = right.argmax(axis=0)
            each = np.stack([on_test[n][:, a] for a, n in enumerate(own)], axis=1)
            report("svm, own C", each, seconds=times[best], search=sum(times))
    if "search" in wanted:
        began = time.perf_counter()
        found, tried = search_factorisation(x[0], y[0], x[1], y[1], groups=list(member))
        report("search", found.predict(x[2]), search=time.perf_counter() - began, tried=len(tried))
    return told


def main() -> None:
    """Compare, print, and write the results if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", default=["made"], choices=["made", *COLUMNS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lines", nargs="*", default=list(LINES), choices=LINES)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-cnn_mtl.json")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # at the largest C, which is not chosen
    target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-cnn_mtl.json"
    rows = []
    for name in arguments.data:
        for seed in range(arguments.seeds):
            data = made(seed) if name == "made" else photos(name, seed)
            for share in (1.0, CELLS):
                for line, told in compare(data, share, seed, arguments.lines).items():
                    rows.append({"data": name, "attributes": data[1].shape[1], "seed": seed, "share": share,
                                 "line": line, **told})  # fmt: skip
                    figures = "  ".join(f"{key} {value:.4g}" for key, value in told.items())
                    print(f"{name:<12}seed {seed}  labels {share:4.0%}  {line:<11}{figures}", flush=True)
            if arguments.save:  # after every seed: a run takes an hour
                text = json.dumps({"environment": fw.environment(), "rows": rows}, indent=1)
                target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
