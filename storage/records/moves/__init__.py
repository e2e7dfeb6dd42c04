"""How an organisation's own rows, and an account's, leave one region's records and come to another's.

The old region's half is departures.py, the new region's arrivals.py, accounts.py has both of an account.
rows.py says how rows look on the way and how both ends compare them, fences.py and triggers.py keep what
moves from being changed, erasing.py leaves nothing behind. Knows nothing of grants, seals and calls.
"""
