"""Pictures of the placed patient: CT and MR slices, radiographs, and the label maps behind them."""
