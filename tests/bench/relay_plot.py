"""Draws how a relay's cost grows with its calls: docs/media-relays.svg, from the rows of media_relays.py."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLOURS = {"rtpengine": "#8c8c8c", "sockets": "#d1850f", "range": "#2a78b5", "kernel": "#1c8a4a"}
BROKEN_US = 1000  # a relay that is behind is drawn at the upper edge
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, PANEL, GAP = 940, 360, 56, 44, 40, 330, 110


def nice_top(value):
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000):
        if value <= step:
            return step
    return value


class Panel:
    """One diagram: calls to the right, a figure upwards."""

    def __init__(self, x, title, unit, calls_max, top):
        self.x, self.title, self.unit, self.calls_max, self.top = x, title, unit, calls_max, top

    def at(self, calls, value):
        return (self.x + calls / self.calls_max * PANEL,
                HEIGHT - BOTTOM - max(0, min(value, self.top)) / self.top * (HEIGHT - BOTTOM - TOP))

    def frame(self):
        lines = [f'<text x="{self.x}" y="20" font-weight="bold">{self.title}</text>']
        for part in range(5):
            value = self.top * part / 4
            _, y = self.at(0, value)
            lines += [f'<line x1="{self.x}" y1="{y:.1f}" x2="{self.x + PANEL}" y2="{y:.1f}" stroke="#ddd"/>',
                      f'<text x="{self.x - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}{self.unit if part == 4 else ""}</text>']
            calls = self.calls_max * part / 4
            x, _ = self.at(calls, 0)
            lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{calls:g}</text>')
        lines.append(f'<text x="{self.x + PANEL / 2}" y="{HEIGHT - 8}" text-anchor="middle">calls</text>')
        return lines

    def curve(self, name, points):
        colour = COLOURS.get(name, "#000")
        places = [self.at(calls, value) for calls, value in sorted(points)]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        lines = [f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="2"/>']
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        return lines + [f'<text x="{x + 7:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>']


def draw(rows, path=os.path.join(ROOT, "docs/media-relays.svg")):
    rows = [row for row in rows if row["relay"] in COLOURS]
    calls_max = max(row["calls"] for row in rows)
    panels = [Panel(LEFT, "CPU of the relay's core", " %", calls_max, nice_top(max(row["cpu"] for row in rows))),
              Panel(LEFT + PANEL + GAP, "delay at the middle, added", " µs", calls_max,
                    nice_top(max(row["added_us"] for row in rows if row.get("added_us", 0) < BROKEN_US)))]
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for panel, key in zip(panels, ("cpu", "added_us")):
        lines += panel.frame()
        for name in COLOURS:
            points = [(row["calls"], row[key]) for row in rows if row["relay"] == name and key in row]
            if points:
                lines += panel.curve(name, points)
    with open(path, "w") as out:
        out.write("\n".join(lines + ["</svg>"]) + "\n")
