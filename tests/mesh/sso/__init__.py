"""Single sign-on over the mesh."""
