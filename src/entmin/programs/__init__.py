"""From a completion to a verdict on a program: find the program, complete it, run it, read the outcome."""
