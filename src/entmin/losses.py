"""Loss functions for those who bring their own training loop; torch only."""

from entmin.core.losses import differentiable_entropy, token_entropy_loss

__all__ = ["differentiable_entropy", "token_entropy_loss"]
