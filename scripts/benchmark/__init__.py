"""What scripts/bench and scripts/numbers are made of."""
