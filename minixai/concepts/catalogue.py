"""What the functions for concepts show, and where they fail."""

from __future__ import annotations

from minixai.methods.catalogue import About

__all__ = ["TOOLS"]

TOOLS: dict[str, About] = {
    "concepts.fit": {
        "shows": "where a concept lies in a layer (pattern), how it is read (filter), whether it is there",
        "wants": "images with the concept and without",
        "fails": "the filter turns with distractors; the pattern has all that is correlated with the concept",
        "paper": "Kim et al. 2018; Pahde et al. 2025",
        "cost": "forward passes",
    },
    "concepts.tcav": {
        "shows": "whether a class's logit grows along a concept, more than along random ones",
        "wants": "images of a class, with the concept, and at least twice as many others",
        "fails": "as its direction; a score of signs, blind to size; Kim's t-test calls most random concepts "
        "significant, the rank does not",
        "paper": "Kim et al. 2018",
        "cost": "one walk back for each image, and 200 random concepts",
    },
    "concepts.relevance": {
        "shows": "how much of a relevance runs along a concept at a layer, and from where in the input",
        "wants": "a concept, and a table of rules that covers every operation",
        "fails": "as the rules and the direction; parts may be negative, or more than the whole",
        "paper": "Chormai et al. 2022; Achtibat et al. 2023",
        "cost": "two walks back",
    },
    "concepts.clarc": {
        "shows": "what a model says without a concept, or with it everywhere",
        "wants": "a concept",
        "fails": "takes what shares the direction, with the pattern alone a class that leans on the concept",
        "paper": "Anders et al. 2022; Pahde et al. 2025",
        "cost": "forward passes",
    },
    "signal.eraser": {
        "shows": "data of which no linear model can tell a concept",
        "wants": "labels of the concept",
        "fails": "nonlinear models may still tell it; fitted to fewer samples than numbers, it overfits",
        "paper": "Belrose et al. 2023",
        "cost": "a covariance of all numbers of a sample",
    },
    "signal.local_pattern": {
        "shows": "what of the data near an input varies with the output",
        "wants": "data like the input, and a width",
        "fails": "few data are near an input of many numbers; tuned by its authors on XAI-TRIS",
        "paper": "Gjølbye et al. 2025",
        "cost": "forward passes",
    },
}
"""By name, as `methods.METHODS` has the methods that explain an input."""
