"""Training on veRL: its settings and data made of ours, the launch, and its metrics as our curves (docs/verl.md)."""
