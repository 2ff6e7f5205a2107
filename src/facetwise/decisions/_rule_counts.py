"""What the rules between attributes did to some answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from facetwise.decisions._decide import decide
from facetwise.decisions._decisions import Decisions
from facetwise.decisions._policy import Policy
from facetwise.decisions._rules import broken
from facetwise.schema import NOT_APPLICABLE, Labels, Rule, Schema

__all__ = ["RuleCount", "count_rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """A rule, and how many items' answers it was about to be broken by.

    Args:
        rule: The rule.
        declared: Whether the schema says it; otherwise it was mined from the training rows.
        repaired: Items whose most probable answers broke it, and whose given ones keep it.
        left: Items whose answers break it still: what is known of them contradicts it, or too many assignments would
            have had to be looked at.
    """

    rule: Rule
    declared: bool
    repaired: int
    left: int


def count_rules(
    schema: Schema,
    decisions: Decisions,
    *,
    thresholds: Mapping[str, tuple[float, ...]] | None = None,
    policy: Policy | None = None,
    given: Labels | None = None,
) -> list[RuleCount]:
    """Rules that mattered for some decisions, most first; none where no answer was about to break one.

    Answers that are left open count as what they would have been.

    Args:
        schema: The vocabulary, with its rules.
        decisions: From `decide` with the same arguments.
        thresholds, policy, given: As of `decide`.
    """
    policy = policy or Policy()
    rules = (*schema.rules, *policy.rules)
    if not rules or not len(decisions):
        return []
    free = decide(
        replace(schema, rules=()), decisions.scores, decisions.applies, thresholds=thresholds,
        policy=replace(policy, rules=()), given=given,
    )  # fmt: skip
    before, after = (
        broken(schema, rules, one.index, one.state != NOT_APPLICABLE).astype(bool) for one in (free, decisions)
    )
    found = [
        RuleCount(
            rule=rule, declared=number < len(schema.rules), left=int(after[:, number].sum()),
            repaired=int((before[:, number] & ~after[:, number]).sum()),
        )
        for number, rule in enumerate(rules)
    ]  # fmt: skip
    told = [one for one in found if one.repaired or one.left]
    return sorted(told, key=lambda one: (-one.left, -one.repaired))
