"""Tests of FakeRhombus."""
