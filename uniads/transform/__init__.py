"""Transforms T: how a piece of knowledge is seen before student and teacher are compared."""
