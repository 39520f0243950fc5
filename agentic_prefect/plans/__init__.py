"""Plans as graphs: loading, checking, expressions and the reducer that advances them."""
