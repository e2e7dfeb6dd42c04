"""Sessions: who is signed in, with which tokens, until when; and how an end of it reaches every region.

What does not live here: whether somebody is who they say, which Orgs judges when a session begins.
"""
