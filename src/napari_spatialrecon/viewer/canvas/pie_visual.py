"""A vispy visual of many pies: one draw call, sharp at any zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from vispy import gloo
from vispy.scene.visuals import create_visual_node
from vispy.visuals import Visual

if TYPE_CHECKING:
    from vispy.visuals.visual import VisualView

_VERTEX = """
attribute vec2 a_place;
attribute vec2 a_corner;
attribute vec4 a_ends_0;
attribute vec4 a_ends_1;
attribute vec4 a_kinds_0;
attribute vec4 a_kinds_1;
attribute float a_chosen;
varying vec2 v_corner;
varying float v_chosen;
varying vec4 v_ends_0;
varying vec4 v_ends_1;
varying vec4 v_kinds_0;
varying vec4 v_kinds_1;
void main() {
    v_corner = a_corner;
    v_ends_0 = a_ends_0;
    v_ends_1 = a_ends_1;
    v_kinds_0 = a_kinds_0;
    v_kinds_1 = a_kinds_1;
    v_chosen = a_chosen;
    gl_Position = $transform(vec4(a_place, 0.0, 1.0));
}
"""

_FRAGMENT = """
uniform sampler2D u_palette;
uniform float u_colors;
uniform float u_rim;
uniform vec4 u_chosen;
varying vec2 v_corner;
varying float v_chosen;
varying vec4 v_ends_0;
varying vec4 v_ends_1;
varying vec4 v_kinds_0;
varying vec4 v_kinds_1;
void main() {
    float r = length(v_corner);
    float edge = fwidth(r);
    if (r > 1.0) discard;
    float turn = atan(v_corner.x, -v_corner.y) / 6.28318530718;
    turn = turn < 0.0 ? turn + 1.0 : turn;
    float kind = u_colors - 1.0;
    if (turn < v_ends_1.w) kind = v_kinds_1.w;
    if (turn < v_ends_1.z) kind = v_kinds_1.z;
    if (turn < v_ends_1.y) kind = v_kinds_1.y;
    if (turn < v_ends_1.x) kind = v_kinds_1.x;
    if (turn < v_ends_0.w) kind = v_kinds_0.w;
    if (turn < v_ends_0.z) kind = v_kinds_0.z;
    if (turn < v_ends_0.y) kind = v_kinds_0.y;
    if (turn < v_ends_0.x) kind = v_kinds_0.x;
    vec4 color = texture2D(u_palette, vec2((floor(kind + 0.5) + 0.5) / u_colors, 0.5));
    float width = u_rim * (1.0 + 2.0 * v_chosen);
    float rim = smoothstep(1.0 - width - edge, 1.0 - width, r);
    color = mix(color, mix(vec4(1.0), u_chosen, v_chosen), rim);
    color.a *= 1.0 - smoothstep(1.0 - edge, 1.0, r);
    gl_FragColor = color;
}
"""

_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
_TRIANGLES = np.array([0, 1, 2, 0, 2, 3], np.uint32)
RIM = 0.08
"""Width of the white rim, relative to the radius; that of chosen pies is three times as wide."""
CHOSEN = (1.0, 0.0, 0.6, 1.0)
"""Color of the rim of chosen pies, which the palette does not have."""


class PieVisual(Visual):
    """Pies of up to eight sectors each, clockwise from the top."""

    def __init__(self) -> None:
        super().__init__(_VERTEX, _FRAGMENT)
        self.unfreeze()
        self._draw_mode = "triangles"
        self._index_buffer = gloo.IndexBuffer()
        self._box = np.zeros((2, 2))
        self._some = False
        self.freeze()
        self.set_gl_state("translucent", depth_test=False, cull_face=False)
        self.shared_program["u_rim"] = RIM
        self.shared_program["u_chosen"] = CHOSEN

    def set_pies(
        self, places: np.ndarray, radii: np.ndarray, ends: np.ndarray, kinds: np.ndarray
    ) -> None:
        """Set the positions of the pies, and their sectors.

        Parameters
        ----------
        places : (n, 2) float, (x, y)
        radii : (n,) float
        ends : (n, 8) float
            End of each sector, as a fraction of a full turn.
        kinds : (n, 8) int
            Color of each sector, as a row of the palette.
        """
        corners = np.asarray(places)[:, None] + np.asarray(radii)[:, None, None] * _CORNERS
        values = {
            "a_place": corners.reshape(-1, 2),
            "a_corner": np.tile(_CORNERS, (len(places), 1)),
            "a_ends_0": np.repeat(ends[:, :4], 4, axis=0),
            "a_ends_1": np.repeat(ends[:, 4:], 4, axis=0),
            "a_kinds_0": np.repeat(kinds[:, :4], 4, axis=0),
            "a_kinds_1": np.repeat(kinds[:, 4:], 4, axis=0),
        }
        for name, value in values.items():
            self.shared_program[name] = gloo.VertexBuffer(np.ascontiguousarray(value, np.float32))
        self._box = np.array([places.min(axis=0), places.max(axis=0)])
        self.set_shown(np.ones(len(places), bool))
        self.set_chosen(np.zeros(len(places), bool))

    def set_shown(self, shown: np.ndarray) -> None:
        """Draw only these pies, (n,) bool."""
        rows = np.flatnonzero(shown).astype(np.uint32)
        self._index_buffer.set_data((rows[:, None] * 4 + _TRIANGLES).ravel())
        self._some = bool(len(rows))
        self.update()

    def set_chosen(self, chosen: np.ndarray) -> None:
        """Highlight these pies, (n,) bool, by their rim."""
        self.shared_program["a_chosen"] = gloo.VertexBuffer(np.repeat(chosen, 4).astype(np.float32))
        self.update()

    def set_palette(self, colors: np.ndarray) -> None:
        """Set the colors, (n_kinds + 1, 4) RGBA in [0, 1]; the last is for the remainder."""
        pixels = np.round(np.asarray(colors) * 255).astype(np.uint8)[None]
        self.shared_program["u_palette"] = gloo.Texture2D(pixels, interpolation="nearest")
        self.shared_program["u_colors"] = float(len(colors))
        self.update()

    def _prepare_transforms(self, view: VisualView) -> None:
        view.view_program.vert["transform"] = view.get_transform()

    def _prepare_draw(self, view: VisualView) -> bool:
        return self._some

    def _compute_bounds(self, axis: int, view: VisualView) -> tuple[float, float] | None:
        return tuple(self._box[:, axis]) if axis < 2 else (0.0, 0.0)


PieNode = create_visual_node(PieVisual)
