"""Which epoch was best, by score, by loss and by both: three trackers that do not disturb one another."""

from dataclasses import dataclass

__all__ = ["Trackers"]

Score = tuple[int, float]


@dataclass(slots=True)
class Trackers:
    """Keeps the best score, the best loss, and the best pair.

    `best_both` is beaten by an epoch whose score is not lower and whose loss is not higher than its own, and one of
    them strictly better. Each criterion has values of its own: improving one never touches another's.

    A score is a pair (whether there was anything to score, the score), compared in this order.

    >>> t = Trackers()
    >>> t.update(score=(1, 0.5), loss=1.0)
    ('best_score', 'best_loss', 'best_both')
    >>> t.update(score=(1, 0.6), loss=1.2)
    ('best_score',)
    >>> t.update(score=(1, 0.55), loss=0.9)
    ('best_loss', 'best_both')
    """

    score: Score = (-1, 0.0)
    loss: float = float("inf")
    both: tuple[Score, float] = ((-1, 0.0), float("inf"))
    since: int = 0

    def update(self, *, score: Score, loss: float) -> tuple[str, ...]:
        """Names of the checkpoints that this epoch is to be saved as; `since` counts epochs without a better score."""
        better: list[str] = []
        self.since += 1
        if score > self.score:
            self.score, self.since = score, 0
            better.append("best_score")
        if loss < self.loss:
            self.loss = loss
            better.append("best_loss")
        if score >= self.both[0] and loss <= self.both[1] and (score, loss) != self.both:
            self.both = (score, loss)
            better.append("best_both")
        return tuple(better)
