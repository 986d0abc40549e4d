"""TCAV: whether a class's logit grows along a concept, and whether more than along random concepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import aligned
from minixai.concepts.chance import LEVEL, holm, t_test
from minixai.concepts.directions import (
    DIRECTIONS,
    Classifier,
    Direction,
    checked_classifier,
    directions_of,
)
from minixai.concepts.fitting import Concept, concept_in, images_of
from minixai.concepts.layer import gradients
from minixai.kernels.threads import for_each
from minixai.methods.collecting import Pool, checked_pool, features
from minixai.methods.unit import Layer
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.settings import one_of, whole_number
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Tcav", "tcav"]

LEAST_RANDOM = 199  # concepts: the smallest p is 1/200
HEADER = ("layer", "concept", "accuracy", "score", "± runs", "p", "p, Holm", "t-test*")


@dataclass(frozen=True, eq=False)
class Tcav:
    """The scores of concepts in layers for one class; it prints as a table. `concepts.tcav` makes it.

    Row r of each array is the test `names[r]`, NaN where the layer does not hold the concept:
    scores: (tests, runs), in [0, 1], the share of images whose logit grows along the direction.
    random_scores: (tests, random), of random concepts, each the mean over its runs.
    p_value: (tests,), the rank of |score − ½| among those. p_holm: corrected for the number of tests.
    p_t_test: (tests,), the t-test of Kim et al. on the runs; miscalibrated, since they share the concept's
    images: not to be used, shown for comparison.
    """

    names: list[tuple[str, str]]  # layer, concept
    concepts: list[Concept]
    direction: Direction
    target: int
    images: int
    scores: Array
    random_scores: Array

    @property
    def score(self) -> Array:
        """(tests,): the mean over the runs."""
        return self.scores.mean(axis=1)

    @property
    def error(self) -> Array:
        """(tests,): the standard deviation over the runs, which share the concept's images."""
        return self.scores.std(axis=1, ddof=1)

    @property
    def p_value(self) -> Array:
        """(tests,): (1 + how many random concepts are as far from ½) / (1 + how many there are)."""
        far = np.abs(self.random_scores - 0.5) >= np.abs(self.score - 0.5)[:, None] - 1e-12
        p: Array = (1 + far.sum(axis=1)) / (1 + self.random_scores.shape[1])
        return np.where(np.isnan(self.score), np.nan, p)

    @property
    def p_holm(self) -> Array:
        """(tests,): the p-values, corrected for as many tests as there are (Holm 1979)."""
        return holm(self.p_value)

    @property
    def p_t_test(self) -> Array:
        """(tests,): Student's t-test of the runs against ½; miscalibrated."""
        return np.array([np.nan if np.isnan(runs).any() else t_test(runs, 0.5) for runs in self.scores])

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [HEADER]
        numbers = zip(self.score, self.error, self.p_value, self.p_holm, self.p_t_test, strict=True)
        for of_test, concept, (score, error, *p) in zip(self.names, self.concepts, numbers, strict=True):
            start = *of_test, f"{concept.accuracy:.2f}"
            if concept.found:
                rows.append((*start, f"{score:.2f}", f"{error:.2f}", *(f"{each:.2g}" for each in p)))
            else:
                rows.append((*start, *("–",) * 5))
        notes = [
            f"class {self.target}, {self.images} images; {self.direction}; {self.scores.shape[1]} runs; "
            f"p: the rank among {self.random_scores.shape[1]} random concepts",
            "* miscalibrated: its runs share the concept's images",
        ]
        tests = sum(concept.found for concept in self.concepts)
        if tests >= LEVEL * (1 + self.random_scores.shape[1]):
            notes.append(f"no p is small enough for {tests} tests: random={round(tests / LEVEL)} or more")
        if not all(concept.found for concept in self.concepts):
            notes.append("–: accuracy on held-out images does not beat chance, so nothing is said")
        return "\n".join([aligned(rows, left=(0, 1)), *notes])

    def plot(self, title: str = "") -> Picture:
        """Draw the scores with error bars of the runs, and where 95 % of the random concepts lie."""
        from minixai.plot.concepts import scores

        names = [f"{name}\n{layer}" for layer, name in self.names]
        middle = np.quantile(self.random_scores, [0.025, 0.975], axis=1)
        return scores(
            names,
            self.score,
            self.error,
            middle,
            self.p_holm < LEVEL,
            title or f"TCAV of class {self.target} along the {self.direction}",
        )


def tcav(
    model: Module,
    images: Any,
    target: int,
    layer: Layer | Sequence[Layer],
    concept: Any,
    others: Any,
    direction: Direction = "pattern",
    classifier: Classifier = "ridge",
    pool: Pool = "mean",
    runs: int = 20,
    random: int = LEAST_RANDOM,
    seed: int = 0,
) -> Tcav:
    """Test whether a class's logit depends on a concept in a layer (TCAV).

    score = the share of images with ∇_h f(h) · v > 0, h the layer's output, f the class's logit before a
    softmax, and v the concept's pattern or filter, fitted to its images and as many of the others; the mean
    over runs, each with others drawn anew.

    p is the rank of |score − ½| among random concepts: as many images drawn from the others, treated alike.
    Its least value is 1/(random + 1). Kim's t-test of the runs against ½ stands beside it and is
    miscalibrated: the runs share the concept's images, so that it calls most random concepts significant.

    Where ∇_h f is the same for all images, as just below a linear head with the mean over places, every run
    scores 0 or 1, for random concepts, too, and none can be significant (lesson 13).

    Args:
        model: a Module; it answers in eval mode, and is left as it was.
        images: (n, …), the model's input: of the class.
        target: the class, an index.
        layer: the name of a layer, or several.
        concept: (m, …) images that show it; or several concepts, {name: images}.
        others: images that do not, at least twice as many as of a concept; random ones, or {name: images}
            of other concepts, for a relative test.
        direction: "pattern", or "filter", which is the CAV.
        classifier, pool, seed: as `concepts.fit` takes them.
        runs: at least 2. random: concepts, at least 199; with more than nine tests take more, as p corrected
            for k tests is at least k/(random + 1).

    Returns:
        A `Tcav`, a row for each layer and concept.

    Raises:
        ValueError: a setting, class or layer is unknown, an array holds NaN, or too few images or concepts.
        ShapeError: an array is none of the model's input.
        ImportError: the classifier needs scikit-learn.

    Kim et al. 2018, arXiv 1711.11279; "pattern": Pahde et al. 2025, arXiv 2202.03482.
    """
    one_of("tcav", "direction", direction, DIRECTIONS)
    checked_classifier("tcav", classifier)
    pool, seed = checked_pool("tcav", pool), whole_number("tcav", "seed", seed, least=0)
    runs = whole_number("tcav", "runs", runs, least=2)
    random = whole_number("tcav", "random", random, least=LEAST_RANDOM)
    target = whole_number("tcav", "target", target, least=0)
    check_model("tcav", model)
    x = model.check_input("tcav", images, "images")
    named = concept if isinstance(concept, Mapping) else {"concept": concept}
    sets = {str(name): images_of("tcav", f"concept {name!r}", model, each) for name, each in named.items()}
    pool_of_others = images_of("tcav", "others", model, others)
    for name, each in sets.items():
        if len(pool_of_others) < 2 * len(each):
            raise ValueError(
                f"tcav: others has {len(pool_of_others)} images, expected at least {2 * len(each)}, "
                f"twice as many as concept {name!r}"
            )

    layers = [layer] if isinstance(layer, str | tuple) else list(layer)
    if not layers or not sets:
        raise ValueError(f"tcav: {'concept' if layers else 'layer'} is empty, expected at least one")
    names, concepts, scores, random_scores = [], [], [], []
    for each_layer in layers:
        g = gradients("tcav", model, each_layer, x, target, pool).reshape(len(x), -1)
        h0, unit = features("tcav", model, each_layer, pool_of_others, pool)
        for name, of_concept in sets.items():
            h, _ = features("tcav", model, each_layer, of_concept, pool)
            found = concept_in("tcav", h, h0, unit, each_layer, pool, classifier, seed)
            rng = np.random.default_rng(seed)
            flat = h.reshape(len(h), -1), h0.reshape(len(h0), -1)
            if found.found:
                score, of_random = ranked(*flat, g, direction, classifier, runs, random, rng)
            else:
                score, of_random = np.full(runs, np.nan), np.full(random, np.nan)
            names.append((unit.where, name))
            concepts.append(found)
            scores.append(score)
            random_scores.append(of_random)
    return Tcav(names, concepts, direction, target, len(x), np.array(scores), np.array(random_scores))


def ranked(
    h: Array,
    others: Array,
    g: Array,
    direction: Direction,
    classifier: Classifier,
    runs: int,
    random: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """(runs,) scores of a concept, and (random,) mean scores of random ones.

    All have as many images, and as many others to draw from, so that a random one is like them in all.
    """
    size, rest = len(h), len(others) - len(h)
    own, *of_random = rng.spawn(1 + random)
    means = np.empty(random)

    def scores(of_concept: Array, without: Array, rng: np.random.Generator) -> Array:
        drawn = without[rng.permuted(np.tile(np.arange(rest), (runs, 1)), axis=1)[:, :size]]
        return (g @ directions_of(direction, of_concept, drawn, classifier).T > 0).mean(axis=0)

    def score(number: int) -> None:
        order = of_random[number].permutation(len(others))
        means[number] = scores(others[order[:size]], others[order[size:]], of_random[number]).mean()

    for_each(score, random)
    return scores(h, others[own.permutation(len(others))[:rest]], own), means
