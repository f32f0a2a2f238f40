"""Modified Kneser-Ney from dictionaries of tuples, written to be read: no pruning, one n-gram at a time."""

from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[str, ...]


class Twin:
    """Probabilities of an interpolated model of `lines`; `vocabulary` can be predicted."""

    def __init__(self, lines: Sequence[str], order: int, vocabulary: Sequence[str]) -> None:
        self.order, self.vocabulary = order, vocabulary
        occurrences: Counter[Gram] = Counter()
        for line in lines:
            symbols = ("<s>", *line, "</s>")
            for n in range(1, order + 1):
                occurrences.update(symbols[i : i + n] for i in range(len(symbols) - n + 1))
        self.counts: list[dict[Gram, int]] = []
        for n in range(1, order + 1):
            grams = {gram for gram in occurrences if len(gram) == n and gram != ("<s>",)}
            if n == order:
                self.counts.append({gram: occurrences[gram] for gram in grams})
                continue
            before: dict[Gram, set[str]] = defaultdict(set)
            for gram in occurrences:
                if len(gram) == n + 1:
                    before[gram[1:]].add(gram[0])
            self.counts.append({gram: occurrences[gram] if gram[0] == "<s>" else len(before[gram]) for gram in grams})
        self.discounts = [self._discounts(list(counts.values())) for counts in self.counts]

    @staticmethod
    def _discounts(counts: list[int]) -> list[float]:
        n = {k: sum(c == k for c in counts) for k in (1, 2, 3, 4)}
        if not all(n.values()):
            return [0, 0.5, 1.0, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        return [0, *found] if all(0 < d < k for k, d in enumerate(found, 1)) else [0, 0.5, 1.0, 1.5]

    def probability(self, gram: Gram) -> float:
        """p(last | the others)."""
        n, discounts = len(gram), self.discounts[len(gram) - 1]
        lower = self.probability(gram[1:]) if n > 1 else 1 / len(self.vocabulary)
        following = {other: c for other, c in self.counts[n - 1].items() if other[:-1] == gram[:-1]}
        total = sum(following.values())
        if not total:
            return lower
        count = self.counts[n - 1].get(gram, 0)
        left = sum(discounts[min(c, 3)] for c in following.values())
        return (count - discounts[min(count, 3)]) / total + left / total * lower
