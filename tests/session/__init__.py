"""Tests of `rhombus_clips.session`."""
