"""The catalog: finetunes, their checkpoints and the grants that share them."""
