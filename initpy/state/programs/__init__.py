"""The processes of a program, for the functions of LSB 20.8."""
