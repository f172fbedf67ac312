"""How well a result matches what is known: metrics, protocols and pictures."""
