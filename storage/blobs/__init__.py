"""Whole files of a region: written once, read in pieces, deleted. What goes into them is a service's.

The default is a folder of the region's data directory.
"""
