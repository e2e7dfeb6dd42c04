"""The registry's rows at rest: SQLite by default, PostgreSQL by URL.

Holds what a row is called, which value may follow which, the tables, their
schema migrations and the store. Knows nothing of callers and signatures.
"""
