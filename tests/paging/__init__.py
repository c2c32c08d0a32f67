"""Tests of `rhombus_clips.paging`."""
