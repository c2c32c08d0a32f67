"""Tests of `rhombus_clips.tables`."""
