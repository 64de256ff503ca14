"""Predictions become figures: joined with items, measured, compared, beside baselines."""
