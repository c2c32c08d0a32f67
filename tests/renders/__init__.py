"""Tests of `rhombus_clips.renders`."""
