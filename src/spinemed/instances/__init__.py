"""Findings -> Instances: questions, hard negatives, answers that are right by construction."""
