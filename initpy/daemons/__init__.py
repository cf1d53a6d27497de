"""The daemons, one in each folder: its declaration, and the readers that only it needs.

The folder ``some_daemon`` holds the declaration under the name ``SOME_DAEMON``. The
``initpy`` command, its completions and its tests find it by this name.
"""
