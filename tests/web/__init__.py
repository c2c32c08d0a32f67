"""Tests of the routes for web backends."""
