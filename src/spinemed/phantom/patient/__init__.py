"""Who the phantom is: sizes, curves, conditions and the one frozen record that a seed gives."""
