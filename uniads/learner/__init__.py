"""One network trained with Lightning."""
