"""The compiled programs that carry out steps: one by one, in blocks, and of spiking networks."""
