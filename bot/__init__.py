"""The program: starts, wires, serves."""
