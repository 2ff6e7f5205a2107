"""W = L S solved on cached features, in numpy: attributes that share latent tasks by groups."""

from facetwise.models.factorisation._blocks import solve_combination, solve_latent
from facetwise.models.factorisation._descend import Descent
from facetwise.models.factorisation._factorisation import Factorisation
from facetwise.models.factorisation._factorise import factorise
from facetwise.models.factorisation._penalties import Penalties
from facetwise.models.factorisation._problem import Problem
from facetwise.models.factorisation._search import Trial, search_factorisation
from facetwise.models.factorisation._sharing import Sharing, read_sharing
from facetwise.models.factorisation._start import separate_weights

__all__ = [
    "Descent",
    "Factorisation",
    "Penalties",
    "Problem",
    "Sharing",
    "Trial",
    "factorise",
    "read_sharing",
    "search_factorisation",
    "separate_weights",
    "solve_combination",
    "solve_latent",
]
