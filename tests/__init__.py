"""Tests of `rhombus_clips`."""
