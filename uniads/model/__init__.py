"""Networks: image to Knowledge."""
