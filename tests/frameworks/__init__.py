"""Tests of the models and examples in web frameworks and with other JSON libraries."""
