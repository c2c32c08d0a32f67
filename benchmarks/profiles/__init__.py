"""Profiles of the measurements that miss a target or barely meet it."""
