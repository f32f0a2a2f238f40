"""A Hopfield network (Hopfield 1982): memories as valleys of an energy.

n units, each +1 or -1, all connected. A pattern is learned by Hebb's rule, what fires together is wired together:

    W = 1/n sum over patterns of p p^T,    W_ii = 0
    s_i <- sign(sum_j W_ij s_j)            one unit at a time, in random order
    E = -1/2 s^T W s                       never rises, so the network settles

It is recurrent, but learns in one stroke, without back-propagation. Near its patterns it completes what is damaged.
It has room for about 0.138 n random patterns (Amit et al. 1985). Beyond, it forgets all of them at once.

The demonstration completes noisy letters, and counts how many random patterns are kept.
"""

import numpy as np
from common import Array

LETTERS = """
#......#  ########  ...##...
##....##  ########  ...##...
.##..##.  #.......  ...##...
..####..  #.......  ########
..####..  #.......  ########
.##..##.  #.......  ...##...
##....##  ########  ...##...
#......#  ########  ...##...
"""
"""X, C and a cross."""


def patterns(drawing: str = LETTERS) -> Array:
    """Return the drawn letters as rows of +1 and -1, (count, 64)."""
    rows = [line.split() for line in drawing.strip().splitlines()]
    letters = ["".join(row[k] for row in rows) for k in range(len(rows[0]))]
    return np.array([[1.0 if dot == "#" else -1.0 for dot in letter] for letter in letters])


def learn(memories: Array) -> Array:
    """Return the weights (n, n) by Hebb's rule."""
    w: Array = memories.T @ memories / memories.shape[1]
    np.fill_diagonal(w, 0)
    return w


def energy(w: Array, s: Array) -> float:
    """Return -1/2 s^T W s."""
    return float(-0.5 * s @ w @ s)


def settle(w: Array, s: Array, rng: np.random.Generator, sweeps: int = 20) -> tuple[Array, list[float]]:
    """Update all units in random order until none changes. Return the state, and the energy after each sweep."""
    s, energies = s.copy(), [energy(w, s)]
    for _ in range(sweeps):
        before = s.copy()
        for unit in rng.permutation(len(s)):
            field = w[unit] @ s
            if field:
                s[unit] = np.sign(field)
        energies.append(energy(w, s))
        if (s == before).all():
            break
    return s, energies


def kept(load: float, size: int = 1000, seed: int = 0) -> float:
    """Store ``load`` times ``size`` random patterns. Return their mean overlap with what they settle to, at most 1."""
    rng = np.random.default_rng(seed)
    memories = rng.choice((-1.0, 1.0), (round(load * size), size))
    w = learn(memories)
    picked = memories[:3]
    return float(np.mean([settle(w, pattern, rng)[0] @ pattern / size for pattern in picked]))


def draw(*states: Array) -> str:
    """Draw states of 64 units next to each other."""
    squares = [np.where(state.reshape(8, 8) > 0, "#", ".") for state in states]
    return "\n".join("   ".join("".join(square[row]) for square in squares) for row in range(8))


def main() -> None:
    """Complete letters of which a quarter was flipped, and store more and more patterns."""
    rng = np.random.default_rng(2)
    memories = patterns()
    w = learn(memories)
    noisy = memories * np.where(rng.random(memories.shape) < 0.25, -1, 1)
    settled = [settle(w, state, rng)[0] for state in noisy]
    print(f"{draw(*noisy)}\n\n{draw(*settled)}\n")
    for load in (0.05, 0.10, 0.13, 0.15, 0.20):
        print(f"{load:.2f} n random patterns: overlap after settling {kept(load):.2f}")


if __name__ == "__main__":
    main()
