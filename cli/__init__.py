"""`residency …`: the composition root, the only code that imports several services."""
