"""Tests of `rhombus_clips.media`."""
