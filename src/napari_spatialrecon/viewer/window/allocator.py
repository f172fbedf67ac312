"""What runs leave behind, given back to the computer: memory, and open files of fonts.

The C library of Linux gives each thread an area of memory of its own, up to eight for each core. Of
the free end of an area it keeps up to 64 MB for as long as the program lasts, also once its thread
has ended: after half an hour of runs 300 MB were kept in areas of which nothing was used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
#: What both come to by themselves as large arrays are freed; setting one ends that.
_KEPT, _MAPPED = 64 << 20, 32 << 20
_BLOCK = 96 << 10
"""Bytes that are freed to have the end of an area looked at: at least 64 kB, and no mapping."""
_AREAS = 16
_OF_A_THREAD = 4  # NON_MAIN_ARENA, a bit of what malloc notes before a block


_due = False


def note_work() -> None:
    """Say, in any thread, that a work has ended: there may be memory to give back."""
    global _due
    _due = True


def give_back_if_due() -> None:
    """Give back what works that have ended leave, if any has since."""
    global _due
    if _due:
        _due = False
        close_fonts()
        give_back()


def close_fonts() -> None:
    """Close the files of fonts that matplotlib keeps open for each thread that has ever drawn."""
    fonts = sys.modules.get("matplotlib.font_manager")
    forget = getattr(getattr(fonts, "_get_font", None), "cache_clear", None)  # of matplotlib 3.10
    if forget is not None:
        forget()


def give_back() -> int:
    """Give back the free ends of areas of threads that have ended; return how many were looked at.

    A thread that begins takes over such an area, so as many are begun as there may be areas. The
    area of the window's own thread is left as it is: to fetch its memory again would take as long
    as a frame.
    """
    libc = _glibc()
    if libc is None:
        return 0
    taken, freed = threading.Barrier(_AREAS + 1), threading.Barrier(_AREAS + 1)
    looked: list[int] = []

    def look() -> None:
        block = libc.malloc(_BLOCK)
        noted = ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value
        taken.wait()
        taken.wait()  # until the end of an area is no longer kept
        if noted & _OF_A_THREAD:
            libc.free(block)
            looked.append(block)
        freed.wait()
        freed.wait()  # until it is kept again
        if not noted & _OF_A_THREAD:
            libc.free(block)

    threads = [threading.Thread(target=look, daemon=True) for _ in range(_AREAS)]
    for thread in threads:
        thread.start()
    taken.wait()
    libc.mallopt(_TRIM, 0)
    taken.wait()
    freed.wait()
    libc.mallopt(_TRIM, _KEPT)
    libc.mallopt(_MAP, _MAPPED)
    freed.wait()
    for thread in threads:
        thread.join()
    return len(looked)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is that of Linux and nobody has set what it keeps."""
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return None
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    return libc
