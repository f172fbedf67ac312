"""Shaders that many visuals share are read once."""

from __future__ import annotations

from typing import Any

_MOST = 64
"""Programs whose variables are remembered."""

#: Code of the shaders of a program -> the variables in it.
_known: dict[tuple[str, ...], dict[str, Any]] = {}


def read_shaders_once() -> None:
    """Let vispy find the variables of a program once; further calls do nothing.

    It looks through the code of each program anew, 30 ms for points, though those of another layer
    have the same code.
    """
    from vispy.gloo.program import Program

    if _NAME in vars(Program):
        return
    program: Any = Program
    vispy_does = program._parse_variables_from_code

    def _parse_variables_from_code(self: Any, update_variables: bool = True) -> None:
        code = tuple(shader.code for shader in self._shaders)
        if code not in _known:
            vispy_does(self, update_variables=False)
            while len(_known) >= _MOST:
                del _known[next(iter(_known))]
            _known[code] = self._code_variables
        self._code_variables = dict(_known[code])
        if update_variables:
            self._process_pending_variables()

    program._parse_variables_from_code = _parse_variables_from_code
    setattr(program, _NAME, True)


_NAME = "_spatialrecon_reads_once"
