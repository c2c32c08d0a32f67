"""Tests of `rhombus_clips.codec`."""
