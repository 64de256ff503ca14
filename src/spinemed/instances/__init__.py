"""Instances: from findings and pixels to pictures with questions, answers proven by the findings."""

from spinemed.instances.series import Asking, ask

__all__ = ["Asking", "ask"]
