"""The rules of the house, as functions over its source; `tests/test_architecture.py` applies them."""
