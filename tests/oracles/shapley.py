"""Shapley values by enumeration of all coalitions."""

from itertools import combinations
from math import factorial


def shapley(worth, players):
    """Each player's mean gain over all orders in which they may come; worth: a tuple of players -> number."""
    n, values = len(players), []
    for player in players:
        others = [each for each in players if each != player]
        total = 0.0
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for coalition in combinations(others, size):
                joined = tuple(sorted((*coalition, player)))
                total += weight * (worth(joined) - worth(coalition))
        values.append(total)
    return values
