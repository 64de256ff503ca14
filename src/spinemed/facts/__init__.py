"""Facts: from a volume and its vertebra mask to level-anchored findings with evidence boxes."""

from spinemed.facts.find import find

__all__ = ["find"]
