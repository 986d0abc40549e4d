"""Concepts in a layer: where they lie (pattern), how they are read (filter), what a class makes of them."""

from minixai.concepts.catalogue import TOOLS
from minixai.concepts.correcting import clarc
from minixai.concepts.fitting import Concept, ConceptWarning, fit
from minixai.concepts.following import ConceptRelevance, relevance
from minixai.concepts.testing import Tcav, tcav

__all__ = [
    "TOOLS",
    "Concept",
    "ConceptRelevance",
    "ConceptWarning",
    "Tcav",
    "clarc",
    "fit",
    "relevance",
    "tcav",
]
