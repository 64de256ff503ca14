"""Instances: from findings and pixels to pictures with questions, answers proven by the findings."""

from spinemed.instances.asking import Asking
from spinemed.instances.series import ask

__all__ = ["Asking", "ask"]
