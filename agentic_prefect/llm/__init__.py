"""Chat models behind one port, their errors, prices and budgets."""
