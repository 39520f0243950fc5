"""A small model on this machine's CPU, behind llama.cpp's own OpenAI-compatible server: the default without a key.

- `weights`: gets the default model's file and keeps it in the user's cache.
- `service`: starts, stops and reports the engine, a process of its own.
- `engine`: that process.

Nothing here is imported by the rest of `agentic_prefect.llm`: a running engine is one more OpenAI-compatible address.
"""
