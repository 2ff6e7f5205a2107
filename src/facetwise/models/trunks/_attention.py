"""Attention layers of a query decoder."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Attention", "DecoderLayer", "EncoderLayer"]


class Attention(nn.Module):
    r"""concat_h(softmax(Q_h K_hᵀ / √d) V_h) W_o with Q = W_q q, K = W_k m, V = W_v m, h of `heads` parts of width d.

    Queries that are the same for every item come as a batch of one, and are projected once.

    Source: Vaswani et al. (2017, section 3.2.2).
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def _split(self, given: Tensor) -> Tensor:
        return given.unflatten(-1, (self.heads, given.shape[-1] // self.heads)).transpose(-2, -3)

    def weights(
        self, query: Float[Tensor, "#batch asker width"], memory: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch asker token"]:
        """Share of each token, mean over the heads; for people."""
        asked, keys = self._split(self.query(query)), self._split(self.key(memory))
        return (asked @ keys.transpose(-1, -2) * asked.shape[-1] ** -0.5).softmax(dim=-1).mean(dim=1)

    def forward(
        self, query: Float[Tensor, "#batch asker width"], memory: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch asker width"]:
        """What each query reads from the tokens."""
        asked, keys, values = (
            self._split(project(given))
            for project, given in ((self.query, query), (self.key, memory), (self.value, memory))
        )
        asked = asked.expand(memory.shape[0], -1, -1, -1)
        read = functional.scaled_dot_product_attention(asked, keys, values)
        return self.out(read.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    """W_2 dropout(relu(W_1 x))."""

    def __init__(self, *, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.first, self.last, self.dropout = nn.Linear(width, hidden), nn.Linear(hidden, width), nn.Dropout(dropout)

    def forward(self, given: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return self.last(self.dropout(functional.relu(self.first(given))))


class EncoderLayer(nn.Module):
    """Tokens read each other: attention, then a feed-forward part, each with a residual and a norm behind it."""

    def __init__(self, *, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width=width, heads=heads)
        self.forward_part = _FeedForward(width=width, hidden=hidden, dropout=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        """Tokens to tokens."""
        tokens = self.norms[0](tokens + self.dropout(self.attention(tokens, tokens)))
        return self.norms[1](tokens + self.dropout(self.forward_part(tokens)))


class DecoderLayer(nn.Module):
    """Queries read each other (where asked for), then the tokens, then a feed-forward part; norms behind residuals."""

    def __init__(self, *, width: int, heads: int, hidden: int, dropout: float, self_attention: bool) -> None:
        super().__init__()
        self.own = Attention(width=width, heads=heads) if self_attention else None
        self.cross = Attention(width=width, heads=heads)
        self.forward_part = _FeedForward(width=width, hidden=hidden, dropout=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def asking(self, queries: Float[Tensor, "asking asker width"]) -> Float[Tensor, "asking asker width"]:
        """The queries as they go to the tokens."""
        read = queries if self.own is None else queries + self.dropout(self.own(queries, queries))
        return self.norms[0](read)

    def forward(
        self, queries: Float[Tensor, "#batch asker width"], tokens: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch asker width"]:
        """Queries (a batch of one where all items ask the same) to queries."""
        queries = self.asking(queries)
        queries = self.norms[1](queries + self.dropout(self.cross(queries, tokens)))
        return self.norms[2](queries + self.dropout(self.forward_part(queries)))
