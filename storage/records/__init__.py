"""A cell's records at rest: SQLite by default, PostgreSQL by URL, opened for one region and no other.

Two families of tables: the organisations whose primary region this is (orgs.py says what, sql_orgs.py
and sql_org_projects.py keep it) and the projects pinned here (projects.py, sql_projects.py). What others
must learn of them goes through the outbox to the registry. Knows nothing of callers and tokens.
"""
