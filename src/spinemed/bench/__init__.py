"""Predictions, baselines, statistics, scorecard and report."""
