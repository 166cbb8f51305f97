"""Line plots as SVG, both axes logarithmic."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 130, 40, 50
COLOURS = {"floor": "#7a7a7a", "barnabas": "#0b6e4f", "kafka": "#c8553d"}
NAMES = {"floor": "floor", "barnabas": "barnabas", "kafka": "Apache Kafka"}


def decades(values):
    """The powers of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def label(power):
    return f"{10**power:,}" if power >= 0 else f"{10**power:.{-power}f}"


def lines(title, x_title, y_title, series):
    """An SVG with a line for each server; points are (x, y) and above zero."""
    series = {kind: [(x, y) for x, y in points if x > 0 and y > 0] for kind, points in series.items()}
    points = [point for line in series.values() for point in line]
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n<text x="{LEFT}" y="22" font-size="15">{title}</text>\n')
    if not points:
        return head + f'<text x="{LEFT}" y="{HEIGHT / 2}">not measured</text>\n</svg>\n'
    (x_low, x_high), (y_low, y_high) = (decades([point[axis] for point in points]) for axis in (0, 1))

    def x_at(value):
        return LEFT + (math.log10(value) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y_at(value):
        return HEIGHT - BOTTOM - (math.log10(value) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    out = [head]
    for power in range(x_low, x_high + 1):
        x = x_at(10**power)
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{label(power)}</text>\n')
    for power in range(y_low, y_high + 1):
        y = y_at(10**power)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label(power)}</text>\n')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{x_title}</text>\n')
    out.append(f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{y_title}</text>\n')
    for kind, line in series.items():
        if not line:
            continue
        path = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[kind]}" stroke-width="2"/>\n')
        out += [f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{COLOURS[kind]}"><title>{x:,}: {y:.3g}</title></circle>\n' for x, y in line]
        x, y = line[-1]
        out.append(f'<text x="{x_at(x) + 8:.1f}" y="{y_at(y) + 4:.1f}" fill="{COLOURS[kind]}">{NAMES[kind]}</text>\n')
    return "".join([*out, "</svg>\n"])
