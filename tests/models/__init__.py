"""Tests of `rhombus_clips.models`."""
