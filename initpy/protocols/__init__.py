"""The protocols that reload or replace a daemon while it serves, one in each module."""
