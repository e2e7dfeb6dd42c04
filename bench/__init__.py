"""`residency bench …`: what the mesh does per second, each figure beside its floor from the same run.

May import everything, as cli/ may. Load and floors use 127.0.0.1 only.
"""
