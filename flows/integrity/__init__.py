"""What DVC recorded against what is really there, in workspace, cache and remote; and the way back."""
