"""Mixtures of experts, gates and attention against independent ways of writing the same formulas, with plain loops."""

import inspect
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from facetwise.errors import ConfigError
from facetwise.models.gates import GATES, DSelectKGate, Gated, NoisyTopKGate, SoftmaxGate, TopKGate
from facetwise.models.trunks import FactorisedTrunk, LinearTrunk, MmoeTrunk, MultiheadTrunk, PleTrunk, QueryTrunk
from facetwise.models.trunks._load_balance import importance, switch

FEATURES, ITEMS, IDS = 7, 9, ["a00", "a03", "a04"]


def _input(width: int = FEATURES) -> torch.Tensor:
    return torch.randn(ITEMS, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _expert(bank: nn.Module, number: int) -> nn.Sequential:
    """LN, Linear, GELU, Dropout, Linear, GELU with the weights of one expert of a bank."""
    first, last = bank.first, bank.last
    made = nn.Sequential(
        nn.LayerNorm(first.inputs), nn.Linear(first.inputs, first.outputs), nn.GELU(), nn.Dropout(0.0),
        nn.Linear(last.inputs, last.outputs), nn.GELU(),
    ).double()  # fmt: skip
    with torch.no_grad():
        for layer, part in ((made[1], first), (made[4], last)):
            layer.weight.copy_(part.matrices[number].T)
            layer.bias.copy_(part.bias.view(part.size, -1)[number])
    return made


def _rows(bank: nn.Module, number: int, given: torch.Tensor) -> torch.Tensor:
    return given @ bank.matrices[number] + bank.bias.view(bank.size, -1)[number]


@pytest.mark.parametrize("gate", GATES)
def test_mmoe_is_a_loop_over_attributes_and_experts(gate: str) -> None:
    told = {"temperature": 0.7} if "temperature" in inspect.signature(GATES[gate]).parameters else {}
    trunk = MmoeTrunk(
        features=FEATURES, attributes=IDS, seed=0, experts=4, hidden=5, width=6, gate=gate, **told
    ).double().eval()  # fmt: skip
    given = _input()
    experts = [_expert(trunk.experts, e)(given) for e in range(4)]
    weights = trunk.gate(given).weights
    found = trunk(given)
    for place in range(len(IDS)):
        mixed = torch.zeros(ITEMS, 6, dtype=torch.float64)
        for number, expert in enumerate(experts):
            mixed = mixed + weights[:, place, number, None] * expert
        torch.testing.assert_close(found[:, place], mixed)


def test_softmax_gate_is_one_linear_layer_per_attribute() -> None:
    gate = SoftmaxGate(features=FEATURES, names=IDS, owner=range(3), experts=4, seed=0, temperature=0.5).double()
    weights = gate(_input()).weights
    for place in range(3):
        torch.testing.assert_close(weights[:, place], (_rows(gate.logits, place, _input()) / 0.5).softmax(dim=1))


@pytest.mark.parametrize("renormalise", [True, False])
def test_top_k_gate_keeps_the_largest(renormalise: bool) -> None:
    gate = TopKGate(
        features=FEATURES, names=IDS, owner=range(3), experts=5, seed=0, k=2, renormalise=renormalise
    ).double()  # fmt: skip
    weights = gate(_input()).weights
    for item in range(ITEMS):
        for place in range(3):
            logits = _rows(gate.logits, place, _input())[item].tolist()
            kept = sorted(range(5), key=lambda e: -logits[e])[:2]
            total = sum(math.exp(logits[e]) for e in (kept if renormalise else range(5)))
            expected = [math.exp(logits[e]) / total if e in kept else 0.0 for e in range(5)]
            assert weights[item, place].tolist() == pytest.approx(expected)


def test_noisy_top_k_is_plain_in_evaluation_and_noisy_in_training() -> None:
    options = {"features": FEATURES, "names": IDS, "owner": range(3), "experts": 5, "seed": 0, "k": 3}
    noisy, plain = NoisyTopKGate(**options).double().eval(), TopKGate(**options).double().eval()
    assert torch.equal(noisy(_input()).weights, plain(_input()).weights)
    noisy.train()
    torch.manual_seed(5)
    found = noisy(_input()).weights
    torch.manual_seed(5)
    noise = torch.randn(ITEMS, 3, 5, dtype=torch.float64)
    logits = plain.logits(_input()) + noise * math.log(2.0)  # softplus(0), its deviation to start with
    third = logits.sort(dim=2, descending=True).values[:, :, 2:3]
    expected = logits.exp() * (logits >= third)
    torch.testing.assert_close(found, expected / expected.sum(dim=2, keepdim=True))
    assert ((found > 0).sum(dim=2) == 3).all()


@pytest.mark.parametrize("experts", [4, 6])
def test_dselect_k_is_its_formula(experts: int) -> None:
    gate = DSelectKGate(features=FEATURES, names=IDS, owner=range(3), experts=experts, seed=0, k=2).double()
    with torch.no_grad():
        gate.logits.weight.mul_(8.0)  # some bits are decided, some are not
    gated, bits = gate(_input()), gate.bits
    penalty = torch.zeros(3, dtype=torch.float64)
    for place in range(3):
        raw = _rows(gate.logits, place, _input()).detach()
        for item in range(ITEMS):
            parts = raw[item].split(1 + bits)
            chances = torch.stack([part[0] for part in parts]).softmax(dim=0)
            mixed = torch.zeros(experts, dtype=torch.float64)
            for chance, part in zip(chances, parts, strict=True):
                chosen = torch.zeros(experts, dtype=torch.float64)
                for code in range(2**bits):
                    share = 1.0
                    for bit in range(bits):
                        t = float(part[1 + bit].clamp(-0.5, 0.5))
                        step = -2 * t**3 + 1.5 * t + 0.5
                        share *= step if (code >> bit) & 1 else 1 - step
                    chosen[code % experts] += share
                mixed += chance * chosen
                penalty[place] -= sum(1e-2 * float(p) * math.log(float(p)) for p in chosen if p > 0) / ITEMS
            torch.testing.assert_close(gated.weights[item, place], mixed)
            assert float(mixed.sum()) == pytest.approx(1.0)
    torch.testing.assert_close(gated.penalty, penalty)


def test_decided_selectors_name_at_most_k_experts() -> None:
    gate = DSelectKGate(features=FEATURES, names=IDS, owner=range(3), experts=8, seed=0, k=2).double()
    with torch.no_grad():
        gate.logits.weight.mul_(1e4)
    assert ((gate(_input()).weights > 0).sum(dim=2) <= 2).all()


def test_the_trunk_hands_a_gate_every_option_that_it_has() -> None:
    given = {"features": FEATURES, "attributes": IDS, "seed": 0, "experts": 4}
    told = {"temperature": 0.7, "k": 3, "renormalise": False, "smoothness": 2.0, "entropy_weight": 0.25}
    for name, kind in GATES.items():
        signature = inspect.signature(kind).parameters.values()
        options = {one.name: told[one.name] for one in signature if one.default is not inspect.Parameter.empty}
        gate = MmoeTrunk(**given, gate=name, **options).gate
        assert {option: getattr(gate, option) for option in options} == options


def test_an_option_that_the_gate_does_not_have_is_refused() -> None:
    given = {"features": FEATURES, "attributes": IDS, "seed": 0, "experts": 4}
    with pytest.raises(ConfigError) as refused:
        MmoeTrunk(**given, gate="softmax", k=3, smoothness=2.0)
    for words in ("trunk.k", "top_k or noisy_top_k or dselect_k; this one is softmax", "trunk.smoothness"):
        assert words in str(refused.value)


@pytest.mark.parametrize("gate", ["top_k", "noisy_top_k"])
def test_what_nobody_sends_is_not_computed_and_not_missed(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sparse way gives the numbers and the gradients of the dense one."""
    from facetwise.models.trunks import _experts

    options = {"features": FEATURES, "attributes": IDS[:1], "seed": 0, "experts": 8, "hidden": 5, "width": 6}
    found = []
    for below in (2.0, 0.0):
        monkeypatch.setattr(_experts, "SPARSE_BELOW", below)
        trunk = MmoeTrunk(**options, gate=gate, k=1, renormalise=False, dropout=0.0).double().eval()
        given = _input().requires_grad_()
        result = trunk(given)
        (result * torch.arange(1.0, 7.0)).sum().backward()
        found.append([result.detach(), given.grad, *(p.grad for p in trunk.experts.parameters())])
    rows = int((trunk.gate(_input()).weights > 0).any(dim=1).sum(dim=0).max())
    assert rows < ITEMS, "the sparse way was taken"
    for sparse, dense in zip(*found, strict=True):
        torch.testing.assert_close(sparse, dense)


def test_load_balance_against_their_definitions() -> None:
    weights = torch.rand(20, 2, 5, dtype=torch.float64).softmax(dim=2)
    for place in range(2):
        own = weights[:, place]
        total = own.sum(dim=0)
        expected = ((total - total.mean()) ** 2).mean() / total.mean() ** 2
        torch.testing.assert_close(importance(Gated(weights, weights))[place], expected)
        share = torch.stack([(own.argmax(dim=1) == e).double().mean() for e in range(5)])
        soft = weights.square()
        found = switch(Gated(weights, soft))[place]
        torch.testing.assert_close(found, 5 * sum(share * soft[:, place].mean(dim=0)))


def test_penalties_are_per_attribute_and_weighted() -> None:
    options = {"features": FEATURES, "attributes": IDS, "seed": 0, "experts": 4, "hidden": 5, "width": 6}
    plain = MmoeTrunk(**options).double().represent(_input())[1]
    assert plain == {}
    trunk = MmoeTrunk(**options, balance_weight=0.5).double()
    aux = trunk.represent(_input())[1]
    torch.testing.assert_close(aux["attribute_penalty"], 0.5 * importance(trunk.gate(_input())))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_ple_is_a_loop_over_attributes_and_experts(layers: int) -> None:
    trunk = PleTrunk(
        features=FEATURES, attributes=IDS, seed=0, layers=layers, shared_experts=2, own_experts=2, hidden=5, width=6,
        temperature=0.8,
    ).double().eval()  # fmt: skip
    shared = _input()
    own = [shared] * len(IDS)
    for level in trunk.levels:
        from_shared = [_expert(level.shared, e)(shared) for e in range(2)]
        from_own = [[_expert(level.own, 2 * a + e)(own[a]) for e in range(2)] for a in range(len(IDS))]
        after = []
        for place in range(len(IDS)):
            weights = (_rows(level.gate, place, own[place]) / 0.8).softmax(dim=1)
            seen = [*from_shared, *from_own[place]]
            after.append(sum(weights[:, e, None] * expert for e, expert in enumerate(seen)))
        if level.shared_gate is not None:
            everything = [*from_shared, *(expert for each in from_own for expert in each)]
            weights = (shared @ level.shared_gate.weight.T + level.shared_gate.bias) / 0.8
            weights = weights.softmax(dim=1)
            shared = sum(weights[:, e, None] * expert for e, expert in enumerate(everything))
        own = after
    torch.testing.assert_close(trunk(_input()), torch.stack(own, dim=1))


def _attention(ours: nn.Module, width: int, heads: int) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(width, heads, batch_first=True).double().eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    return theirs


@pytest.mark.parametrize(("self_attention", "encoder_layers"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("tokens", [0, 5])
def test_query_is_multi_head_attention_query_by_query(self_attention: bool, encoder_layers: int, tokens: int) -> None:
    levels = [3, 4] if not tokens else [35]
    trunk = QueryTrunk(
        features=sum(levels), levels=levels, attributes=IDS, categories=[], before="", seed=0, width=8, layers=2,
        heads=2, hidden=6, tokens=tokens, self_attention=self_attention, encoder_layers=encoder_layers,
    ).double().eval()  # fmt: skip
    given = _input(sum(levels))
    parts = given.split(levels, dim=1) if not tokens else given.view(ITEMS, 5, 7).unbind(dim=1)
    projections = list(trunk.projections) * (1 if not tokens else 5)
    memory = torch.stack([functional.relu(p(part)) for p, part in zip(projections, parts, strict=True)], dim=1)
    for layer in trunk.encoder:
        read = _attention(layer.attention, 8, 2)(memory, memory, memory, need_weights=False)[0]
        memory = functional.layer_norm(memory + read, (8,), layer.norms[0].weight, layer.norms[0].bias)
        memory = layer.norms[1](memory + layer.forward_part(memory))
    queries = trunk.queries.expand(ITEMS, -1, -1)
    for layer in trunk.decoder:
        if layer.own is not None:
            queries = queries + _attention(layer.own, 8, 2)(queries, queries, queries, need_weights=False)[0]
        queries = functional.layer_norm(queries, (8,), layer.norms[0].weight, layer.norms[0].bias)
        theirs, after = _attention(layer.cross, 8, 2), []
        for place in range(len(IDS)):  # queries do not see each other here
            asked = queries[:, place : place + 1]
            read, weights = theirs(asked, memory, memory)
            torch.testing.assert_close(weights, layer.cross.weights(asked, memory))
            hidden = layer.norms[1](asked + read)
            bent = functional.relu(hidden @ layer.forward_part.first.weight.T + layer.forward_part.first.bias)
            bent = bent @ layer.forward_part.last.weight.T + layer.forward_part.last.bias
            after.append(layer.norms[2](hidden + bent))
        queries = torch.cat(after, dim=1)
    torch.testing.assert_close(trunk(given), queries)


@pytest.mark.parametrize("self_attention", [False, True])
def test_queries_that_all_items_share_are_projected_once(self_attention: bool) -> None:
    """In the first layer; with the numbers and gradients of queries that every item brings for itself."""
    trunk = QueryTrunk(
        features=7, levels=[3, 4], attributes=IDS, categories=[], before="", seed=0, width=8, layers=2, heads=2,
        hidden=6, learnable=True, self_attention=self_attention,
    ).double().eval()  # fmt: skip
    projected = []
    for layer in trunk.decoder:
        for part in (layer.norms[0], layer.cross.query):
            part.register_forward_hook(lambda _, given, __: projected.append(len(given[0])))
    found = trunk(_input())
    assert projected == [ITEMS if self_attention else 1] * 2 + [ITEMS] * 2
    queries, tokens, _ = trunk._read(_input())
    expected = queries.expand(ITEMS, -1, -1)
    for layer in trunk.decoder:
        expected = layer(expected, tokens)
    torch.testing.assert_close(found, expected)
    learned = list(trunk.parameters())
    slopes = [torch.autograd.grad(one.square().sum(), learned) for one in (found, expected)]
    torch.testing.assert_close(*slopes)


def test_queries_per_category_are_mixed_by_the_predicted_category() -> None:
    trunk = QueryTrunk(
        features=7, levels=[3, 4], attributes=IDS, categories=["shirt", "shoe"], before="", seed=0, width=8, heads=2,
        hidden=6, per_category=True,
    ).double().eval()  # fmt: skip
    given = _input()
    found, aux = trunk.represent(given)
    chances = aux["category_logits"].softmax(dim=1)
    plain = QueryTrunk(
        features=7, levels=[3, 4], attributes=IDS, categories=[], before="", seed=0, width=8, heads=2, hidden=6
    ).double().eval()  # fmt: skip
    state = {key: value for key, value in trunk.state_dict().items() if key in plain.state_dict()}
    for item in range(ITEMS):
        own = trunk.queries.view(len(IDS), 2, 8)
        mixed = chances[item, 0] * own[:, 0] + chances[item, 1] * own[:, 1]
        plain.load_state_dict({**state, "queries": mixed})
        torch.testing.assert_close(plain(given[item : item + 1])[0], found[item])


def test_factorised_with_a_linear_head_is_the_product_of_two_matrices() -> None:
    trunk = FactorisedTrunk(features=FEATURES, width=3).double()
    combinations = torch.randn(3, 4, dtype=torch.float64)  # S: (latent, logit)
    expected = _input() @ (trunk.basis @ combinations)
    torch.testing.assert_close(trunk(_input()) @ combinations, expected)


def test_factorised_step_is_the_minimum_it_claims() -> None:
    trunk = FactorisedTrunk(features=FEATURES, width=3, l1=0.2, frobenius=0.3).double()
    start, rate = trunk.latent.weight.detach().clone(), 0.6
    trunk.proximal_step(rate, torch.ones(1, dtype=torch.bool))
    best = trunk.latent.weight.detach().clone()
    assert 0 < int((best == 0).sum()) < best.numel()
    # Coordinate by coordinate, on a fine grid.
    grid = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    for found, wanted in zip(best.flatten(), start.flatten(), strict=True):
        cost = (grid - wanted) ** 2 / (2 * rate) + 0.2 * grid.abs() + 0.3 * grid**2
        assert float(grid[cost.argmin()]) == pytest.approx(float(found), abs=2e-4)


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
def test_multihead_is_a_loop_over_towers(norm: str) -> None:
    trunk = MultiheadTrunk(
        features=FEATURES, attributes=IDS, seed=0, width=4, layers=2, norm=norm, activation="relu", dropout=0.0
    ).double()  # fmt: skip
    found = trunk(_input())
    for place in range(len(IDS)):
        hidden = _input()
        for bank in (trunk.towers.blocks[0], trunk.towers.blocks[4]):
            hidden = _rows(bank, place, hidden)
            if norm == "layer":
                hidden = functional.layer_norm(hidden, (4,))
            if norm == "batch":
                hidden = nn.BatchNorm1d(4).double()(hidden)
            hidden = hidden.relu()
        torch.testing.assert_close(found[:, place], hidden)


def test_linear_trunk_gives_what_it_gets() -> None:
    assert torch.equal(LinearTrunk(features=FEATURES)(_input()), _input())
