"""Serial consoles: a machine's output as plain lines, and the sentences in it that mean trouble."""
