"""The only code that touches a disk or a database: "where do bytes rest?" is this folder.

May import mesh and the generated contracts, never a service.
"""
