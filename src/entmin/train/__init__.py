"""Training: from a configuration to a trained model, on TRL's trainers."""
