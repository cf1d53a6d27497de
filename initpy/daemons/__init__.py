"""The daemons, each in a module, or in a folder with the readers that only it needs.

The module or folder ``some_daemon`` holds the declaration under the name ``SOME_DAEMON``. The
``initpy`` command, its completions and its tests find it by this name.
"""
