"""Small models for the demo and what training needs besides TRL."""
