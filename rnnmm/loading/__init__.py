"""From store to batch: order as a function, gather without per-item objects."""
