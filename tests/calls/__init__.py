"""Tests of `rhombus_clips.calls`."""
