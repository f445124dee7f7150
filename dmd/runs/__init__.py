"""The folder of one run: what lies where, who owns it, what a training goes on from."""
