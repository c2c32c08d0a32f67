"""Tests of the `rhombus-clips` command."""
