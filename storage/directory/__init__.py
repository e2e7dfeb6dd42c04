"""The directory at rest: the routing facts a cell or the router needs, in one LMDB file.

One process writes it and keeps it up to date from the registry's feed; others
of the same region read it. It is the last good copy when the registry is away.
"""
