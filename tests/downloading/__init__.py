"""Downloading one clip."""
