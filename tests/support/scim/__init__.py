"""A directory that sends SCIM to a mesh, and the independent checker of the protocol."""
