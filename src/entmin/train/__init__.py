"""Training: objectives, prompts, the watch against collapse."""
