"""The daemons, a folder each: its declaration, and the readers that only it needs.

The folder ``some_daemon`` holds the declaration as ``SOME_DAEMON``; that is all that the
``initpy`` command, its completions and its tests need to find it.
"""
