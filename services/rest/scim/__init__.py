"""SCIM 2.0 over HTTP: what an organisation's directory sends, as calls to the organisation's primary region.

The protocol (filters, PATCH, discovery, errors) is scim2-server's: what lives here is which attributes there
are (resources.py), where they come from (storage.py), what a request may cost (bounds.py), whose is answered
next (turns.py), and the routes (room.py). What may not: a rule about who becomes whom (services/org/scim).

The path names the organisation, `/api/v1/scim/v2/{org_id}/…`: so the edge finds its primary region from the
path alone, as any shim does, and a directory may be given any region's URL or the global one.
"""
