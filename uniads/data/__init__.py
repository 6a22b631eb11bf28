"""Data sets: in memory as bytes, with batched augmentation and a validation split out of the training set.

A new set is two files: a class with one method, ``read``, and an option, ``conf/data/NAME.yaml`` or ``data/NAME.yaml``
in a folder that ``--config-dir`` names. ``examples/own_data`` is one, complete, and run by the tests. Splits, seeds,
augmentation and checks are the base class's. Images that do not fit into memory are read from folders:
``data=imagefolder``.
"""
