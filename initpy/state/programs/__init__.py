"""What processes execute: by it the processes of a program are known, and some services'."""
