"""Accounts whose home this region is, beyond sign-up and login: whom it vouches for."""
