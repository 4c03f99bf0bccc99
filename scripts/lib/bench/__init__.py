"""Measures a bridge beside the least that any bridge does: scripts/bench and scripts/soak."""
