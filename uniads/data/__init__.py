"""Data sets: in memory as bytes, with batched augmentation and a validation split out of the training set.

A new set is one class here, with a ``read`` that returns its images, and one YAML file in ``conf/data/``.
"""
