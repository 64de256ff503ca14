"""A model is asked: back ends, controls, durable predictions, replies read again."""
