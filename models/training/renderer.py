"""Draws the pictures of mini: part-labelled objects whose shape and look are independent of each other.

`render(shape, look)` gives a 128x128 RGB picture and the map of its parts. So the exact answer of an appearance transfer from
(shape 2, look b) to (shape 1, look a) is render(shape 1, look b). Coordinates are fractions of the picture, x to the right, y down.
"""
import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

PICTURE_SIZE = 128
SUPERSAMPLING = 2
CANVAS = PICTURE_SIZE * SUPERSAMPLING
BACKDROP, GROUND = 0, 15
PARTS = {
    'animal': {1: 'body', 2: 'neck', 3: 'head', 4: 'leg', 5: 'tail', 6: 'mane', 7: 'hoof', 8: 'eye'},
    'house': {1: 'wall', 2: 'roof', 3: 'door', 4: 'window', 5: 'chimney', 6: 'step'},
    'cake': {1: 'lower', 2: 'upper', 3: 'icing', 4: 'plate', 5: 'candle', 6: 'cherry'},
    'fish': {1: 'body', 2: 'tail', 3: 'dorsal', 4: 'fin', 5: 'head', 8: 'eye'},
}
DOMAINS = list(PARTS)
ANIMAL_KINDS = ['giraffe', 'horse', 'dog', 'cow']
NO_TEXTURE = -1


def uniform(rng, low, high):
    return low + (high - low) * rng.random()


def is_object(labels):
    """The object's mask of a part map."""
    return (labels > BACKDROP) & (labels < GROUND)


class Pen:
    """Draws each primitive twice: its part number into the label map, its brightness into the shade map."""

    def __init__(self, flipped):
        self.flipped = flipped
        self.labels, self.shades = Image.new('L', (CANVAS, CANVAS), BACKDROP), Image.new('L', (CANVAS, CANVAS), 200)
        self._draw_label, self._draw_shade = ImageDraw.Draw(self.labels), ImageDraw.Draw(self.shades)

    def polygon(self, part, points, shade=200):
        on_canvas = [((1 - x if self.flipped else x) * CANVAS, y * CANVAS) for x, y in points]
        self._draw_label.polygon(on_canvas, fill=part)
        self._draw_shade.polygon(on_canvas, fill=shade)

    def box(self, part, left, top, right, bottom, shade=200):
        self.polygon(part, [(left, bottom), (left, top), (right, top), (right, bottom)], shade)

    def ellipse(self, part, x, y, radius_x, radius_y, angle=0.0, shade=200, corners=26):
        cosine, sine, points = math.cos(angle), math.sin(angle), []
        for corner in range(corners):
            turn = 2 * math.pi * corner / corners
            along, across = radius_x * math.cos(turn), radius_y * math.sin(turn)
            points.append((x + along * cosine - across * sine, y + along * sine + across * cosine))
        self.polygon(part, points, shade)

    def limb(self, part, begin, end, width_begin, width_end, shade=200):
        """A tapering stroke with round ends."""
        along_x, along_y = end[0] - begin[0], end[1] - begin[1]
        length = math.hypot(along_x, along_y) + 1e-6
        normal_x, normal_y = -along_y / length, along_x / length
        self.polygon(part, [
            (begin[0] + normal_x * width_begin, begin[1] + normal_y * width_begin),
            (end[0] + normal_x * width_end, end[1] + normal_y * width_end),
            (end[0] - normal_x * width_end, end[1] - normal_y * width_end),
            (begin[0] - normal_x * width_begin, begin[1] - normal_y * width_begin),
        ], shade)
        self.ellipse(part, begin[0], begin[1], width_begin, width_begin, 0, shade, 12)
        self.ellipse(part, end[0], end[1], width_end, width_end, 0, shade, 12)


# Shapes: sample_shape draws the numbers, draw_shape the picture.

def sample_shape(domain, rng):
    """A random shape of the domain, as a dict of plain numbers; `kind` is its name within the domain."""
    shape = {'domain': domain, 'flip': bool(rng.random() < 0.5), 'horizon': uniform(rng, 0.58, 0.78)}
    shape.update({'animal': _sample_animal, 'house': _sample_house, 'cake': _sample_cake, 'fish': _sample_fish}[domain](rng))
    return shape


def _sample_animal(rng):
    kind = ANIMAL_KINDS[int(rng.integers(4))]
    ranges = {
        'giraffe': dict(neck=(.26, .36), leg=(.27, .33), length=(.28, .36), height=(.16, .20)),
        'horse': dict(neck=(.15, .22), leg=(.23, .29), length=(.36, .46), height=(.17, .22)),
        'dog': dict(neck=(.07, .12), leg=(.16, .22), length=(.34, .44), height=(.15, .20)),
        'cow': dict(neck=(.07, .13), leg=(.16, .22), length=(.42, .52), height=(.22, .28)),
    }[kind]
    shape = {'kind': kind, **{name: uniform(rng, *limits) for name, limits in ranges.items()}}
    shape['neck_angle'] = uniform(rng, .95, 1.3) if kind == 'giraffe' else uniform(rng, .5, 1.0)
    for name, low, high in (('head_length', .11, .15), ('head_height', .065, .085), ('head_angle', .1, .7), ('ear', .03, .06),
                            ('leg_width', .026, .036), ('tail', .10, .20), ('tail_angle', -.5, .9), ('foot', .86, .93), ('x', .42, .5)):
        shape[name] = uniform(rng, low, high)
    shape['swings'] = [uniform(rng, -.25, .25) for _ in range(4)]
    shape['mane'] = uniform(rng, .015, .03)
    shape['scale'] = uniform(rng, .88, 1.05)
    return shape


def _sample_fish(rng):
    return {'kind': 'fish', **{name: uniform(rng, low, high) for name, low, high in (
        ('x', .46, .54), ('y', .44, .56), ('length', .24, .32), ('height', .13, .22), ('tail_length', .12, .19), ('tail_height', .1, .2),
        ('fork', .0, .1), ('dorsal_length', .16, .32), ('dorsal_height', .07, .14), ('dorsal_x', -.06, .06), ('fin', .07, .12),
        ('head', .42, .6), ('eye', .022, .032), ('vent', .05, .1))}}


def _sample_house(rng):
    kind = ['house', 'tower'][int(rng.integers(2))]
    tower = kind == 'tower'
    shape = {'kind': kind, 'x': uniform(rng, .44, .56), 'foot': uniform(rng, .82, .9)}
    shape['width'] = uniform(rng, .17, .24) if tower else uniform(rng, .27, .37)
    shape['height'] = uniform(rng, .42, .5) if tower else uniform(rng, .26, .36)
    for name, low, high in (('roof_height', .14, .24), ('overhang', .02, .06), ('roof_top', 0, .6), ('door_width', .09, .13),
                            ('door_height', .15, .2), ('door_x', -.5, .5)):
        shape[name] = uniform(rng, low, high)
    shape['windows'] = int(rng.integers(2, 4))
    shape['rows'] = 2 if tower else int(rng.integers(1, 3))
    for name, low, high in (('window', .06, .09), ('chimney_height', .08, .15), ('chimney_x', -.5, .5)):
        shape[name] = uniform(rng, low, high)
    shape['chimney'] = bool(rng.random() < .7)
    return shape


def _sample_cake(rng):
    shape = {'kind': 'cake'}
    for name, low, high in (('x', .47, .53), ('foot', .8, .88), ('width', .28, .38), ('height', .18, .28), ('upper_width', .55, .8),
                            ('upper_height', .12, .2), ('icing', .04, .08)):
        shape[name] = uniform(rng, low, high)
    shape['drips'] = int(rng.integers(4, 8))
    shape['tilt'] = uniform(rng, .06, .1)
    shape['toppings'] = int(rng.integers(1, 5))
    shape['candle'] = uniform(rng, .08, .13)
    shape['cherries'] = bool(rng.random() < .5)
    shape['plate'] = uniform(rng, .05, .09)
    shape['drip_lengths'] = [uniform(rng, .3, 1) for _ in range(8)]
    return shape


def draw_shape(shape):
    """(labels, shades), both uint8 [256, 256]; labels without the ground."""
    pen = Pen(shape['flip'])
    {'animal': _draw_animal, 'house': _draw_house, 'cake': _draw_cake, 'fish': _draw_fish}[shape['domain']](pen, shape)
    return np.asarray(pen.labels), np.asarray(pen.shades)


def _draw_animal(pen, shape):
    body, neck, head, leg, tail, mane, hoof, eye = range(1, 9)
    scale = shape['scale']
    length, height, leg_length, leg_width = (shape[name] * scale for name in ('length', 'height', 'leg', 'leg_width'))
    x, foot = shape['x'], shape['foot']
    y = foot - leg_length - height * .35

    def draw_leg(hip, swing, far):
        hip_x, hip_y, shade = x + hip * length, y + height * .22, 150 if far else 205
        offset = shape['swings'][swing] * .5 * leg_length
        knee = (hip_x + offset * .4, hip_y + (foot - hip_y) * .52)
        toe = hip_x + offset
        pen.limb(leg, (hip_x, hip_y), knee, leg_width * 1.25, leg_width * .8, shade)
        pen.limb(leg, knee, (toe, foot), leg_width * .8, leg_width * .7, shade)
        pen.polygon(hoof, [(toe - leg_width * .95, foot - leg_width * 1.1), (toe + leg_width * .95, foot - leg_width * 1.1),
                           (toe + leg_width * 1.25, foot + leg_width * .4), (toe - leg_width * 1.05, foot + leg_width * .4)], shade)

    draw_leg(-.40, 0, far=True)
    draw_leg(.36, 1, far=True)

    tail_x, tail_y, angle = x - length * .47, y - height * .2, shape['tail_angle']
    tip = (tail_x - shape['tail'] * math.cos(angle) * .6, tail_y + shape['tail'] * (.6 + .4 * math.sin(angle)))
    pen.limb(tail, (tail_x, tail_y), tip, .018 * scale, .012 * scale, 190)
    pen.ellipse(tail, tip[0], tip[1], .02, .03, 0, 190, 12)

    angle, neck_length, thickness = shape['neck_angle'], shape['neck'] * scale, shape['mane']
    neck_x, neck_y = x + length * .40, y - height * .12
    nape_x, nape_y = neck_x + neck_length * math.cos(angle), neck_y - neck_length * math.sin(angle)
    normal_x, normal_y = -math.sin(angle), -math.cos(angle)
    pen.limb(mane, (neck_x + normal_x * (.055 * scale + thickness), neck_y + normal_y * (.055 * scale + thickness) + .01),
             (nape_x + normal_x * (.035 * scale + thickness * .6), nape_y + normal_y * (.03 * scale + thickness * .6)), thickness, thickness, 190)

    pen.ellipse(body, x, y, length * .52, height * .52, 0, 205)
    pen.ellipse(body, x + length * .28, y - height * .03, length * .24, height * .5, 0, 205)
    pen.ellipse(body, x - length * .28, y - height * .02, length * .24, height * .5, 0, 205)
    pen.limb(neck, (neck_x, neck_y), (nape_x, nape_y), .062 * scale, .038 * scale, 210)

    angle, head_length, head_height, ear = shape['head_angle'], shape['head_length'] * scale, shape['head_height'] * scale, shape['ear'] * scale
    head_x, head_y = nape_x + head_length * .35 * math.cos(angle), nape_y + head_length * .35 * math.sin(angle)
    pen.ellipse(mane, nape_x - .01, nape_y - head_height * .55, ear * .33, ear, -.25, 180, 14)
    pen.ellipse(head, head_x, head_y, head_length * .62, head_height * .52, angle, 212)
    pen.ellipse(head, nape_x, nape_y, head_height * .6, head_height * .6, 0, 212, 16)
    pen.ellipse(mane, nape_x + .012, nape_y - head_height * .6, ear * .33, ear, .15, 200, 14)
    draw_leg(-.33, 2, far=False)
    draw_leg(.42, 3, far=False)
    pen.ellipse(eye, head_x - head_length * .1, head_y - head_height * .15, .013, .014, 0, 200, 12)


def _draw_fish(pen, shape):
    body, tail, dorsal, fin, head, eye = 1, 2, 3, 4, 5, 8
    x, y, length, height = shape['x'], shape['y'], shape['length'], shape['height']
    tail_x, tail_height = x - length - shape['tail_length'], shape['tail_height']
    pen.polygon(tail, [(x - length * .82, y - .02), (tail_x, y - tail_height), (tail_x + shape['fork'], y), (tail_x, y + tail_height),
                       (x - length * .82, y + .02)], 190)
    top, span, rise = x + shape['dorsal_x'], shape['dorsal_length'], shape['dorsal_height']
    pen.polygon(dorsal, [(top + span * .5, y - height * .7), (top + span * .05, y - height * .85 - rise),
                         (top - span * .6, y - height * .75 - rise * .6), (top - span * .5, y - height * .5)], 190)
    vent = shape['vent']
    pen.polygon(fin, [(x + .04, y + height * .7), (x - .05, y + height * .85 + vent), (x - .1, y + height * .9 + vent * .6),
                      (x - .08, y + height * .7)], 180)
    pen.ellipse(body, x, y, length, height, 0, 205, 40)
    # The head is what of the ellipse lies right of `cut`.
    cut = shape['head'] - .1
    half = math.acos(cut)
    turns = [-half + 2 * half * step / 16 for step in range(17)]
    pen.polygon(head, [(x + length * math.cos(turn), y + height * math.sin(turn)) for turn in turns], 212)
    pen.ellipse(eye, x + length * (cut + (1 - cut) * .45), y - height * .16, shape['eye'], shape['eye'], 0, 205, 16)
    size = shape['fin']
    pen.polygon(fin, [(x + .05, y + height * .1), (x - size, y + height * .1 + size * .5), (x - size * .4, y + height * .1 + size * .95)], 180)


def _draw_house(pen, shape):
    wall, roof, door, window, chimney, step = range(1, 7)
    x, foot, width, height, roof_height = (shape[name] for name in ('x', 'foot', 'width', 'height', 'roof_height'))
    eaves = foot - height
    if shape['chimney']:
        center = x + shape['chimney_x'] * width
        top = eaves - roof_height * .7 - shape['chimney_height'] * .6
        pen.polygon(chimney, [(center - .035, eaves), (center - .035, top), (center + .035, top), (center + .035, eaves)], 200)
    pen.box(wall, x - width, eaves, x + width, foot, 205)
    ridge, overhang = shape['roof_top'] * width, shape['overhang']
    pen.polygon(roof, [(x - width - overhang, eaves + .01), (x - ridge, eaves - roof_height), (x + ridge, eaves - roof_height),
                       (x + width + overhang, eaves + .01)], 195)
    half = shape['window'] * .5
    for row in range(shape['rows']):
        center_y = eaves + height * (.24 if shape['rows'] == 1 else .17 + .33 * row)
        for column in range(shape['windows']):
            center = x - width + 2 * width * (column + .5) / shape['windows']
            pen.polygon(window, [(center - half, center_y - half * 1.1), (center + half, center_y - half * 1.1),
                                 (center + half, center_y + half * 1.1), (center - half, center_y + half * 1.1)], 205)
    center, half = x + shape['door_x'] * width, shape['door_width'] * .5
    pen.box(door, center - half, foot - shape['door_height'], center + half, foot, 195)
    pen.polygon(step, [(x - width - .01, foot), (x + width + .01, foot), (x + width + .01, foot + .025), (x - width - .01, foot + .025)], 180)


def _draw_cake(pen, shape):
    lower, upper, icing, plate, candle, cherry = range(1, 7)
    x, foot, width, height, tilt = (shape[name] for name in ('x', 'foot', 'width', 'height', 'tilt'))
    pen.ellipse(plate, x, foot, width + shape['plate'], tilt * .8, 0, 195)

    def draw_tier(part, base, half_width, tier_height, ellipse, icing_height):
        top = base - tier_height
        pen.ellipse(part, x, base, half_width, ellipse * .7, 0, 195)
        pen.box(part, x - half_width, top, x + half_width, base, 200)
        for drip in range(shape['drips']):
            left, right = (x - half_width + 2 * half_width * edge / shape['drips'] for edge in (drip, drip + 1))
            drop = icing_height * shape['drip_lengths'][drip % 8]
            pen.polygon(icing, [(left, top), (right, top), (right, top + drop * .6 + ellipse * .3),
                                ((left + right) / 2, top + drop + ellipse * .5), (left, top + drop * .6 + ellipse * .3)], 205)
        pen.ellipse(icing, x, top, half_width, ellipse * .7, 0, 214)

    draw_tier(lower, foot - .01, width, height, tilt, shape['icing'])
    upper_width = width * shape['upper_width']
    draw_tier(upper, foot - .01 - height, upper_width, shape['upper_height'], tilt * .8, shape['icing'] * .8)
    top = foot - .01 - height - shape['upper_height']
    count = shape['toppings']
    for index in range(count):
        center = x + (index - (count - 1) / 2) * upper_width * 1.3 / count
        if shape['cherries']:
            pen.ellipse(cherry, center, top - .02, .03, .03, 0, 205, 16)
        else:
            pen.box(candle, center - .013, top - shape['candle'], center + .013, top, 205)
            pen.ellipse(cherry, center, top - shape['candle'] - .02, .014, .024, 0, 215, 12)


# Looks: two colours and a texture for each part, sky and ground.

def hsv(hue, saturation, value):
    return np.array(colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1)), np.float32)


def random_colour(rng):
    draw = rng.random()
    if draw < .2:  # browns
        return hsv(uniform(rng, .04, .12), uniform(rng, .3, .8), uniform(rng, .3, .9))
    if draw < .32:  # greys
        return hsv(uniform(rng, 0, 1), uniform(rng, 0, .12), uniform(rng, .12, .98))
    return hsv(uniform(rng, 0, 1), uniform(rng, .45, 1.), uniform(rng, .45, 1.))


def contrasting_colour(rng, colour, distance=.75):
    for _ in range(12):
        candidate = random_colour(rng)
        if np.abs(candidate - colour).sum() > distance:
            break
    return candidate


TEXTURES = ['plain', 'stripes', 'spots', 'patches', 'checker', 'gradient']
STRONG_TEXTURES = (.3, .22, .16, .14, .08, .10)
WEAK_TEXTURES = (.55, .15, .1, .05, .1, .05)


def random_texture(rng, probabilities):
    return dict(kind=TEXTURES[int(rng.choice(6, p=probabilities))], period=uniform(rng, .07, .14),
                angle=float(rng.choice([0, math.pi / 2, .8, -.8])) + uniform(rng, -.25, .25), phase=uniform(rng, 0, 6.28),
                duty=uniform(rng, -.25, .25), tile=int(rng.integers(1 << 30)), offset_x=int(rng.integers(256)), offset_y=int(rng.integers(256)))


class Look:
    """For every label two colours [16, 3] and which of two textures mixes them; the noise of the sky."""

    def __init__(self, textures):
        self.first, self.second = np.zeros((16, 3), np.float32), np.zeros((16, 3), np.float32)
        self.texture_of = np.full(16, NO_TEXTURE, np.int64)
        self.textures, self.noise_tile, self.noise = textures, 0, 0.0

    def paint(self, label, first, second=None, texture=NO_TEXTURE):
        self.first[label] = first
        self.second[label] = first if second is None else second
        self.texture_of[label] = texture


def sample_look(domain, rng):
    look = Look([random_texture(rng, STRONG_TEXTURES), random_texture(rng, WEAK_TEXTURES)])
    main = random_colour(rng)
    second = contrasting_colour(rng, main)
    accent = contrasting_colour(rng, main, .6)
    detail = contrasting_colour(rng, accent, .5)
    {'animal': _paint_animal, 'house': _paint_house, 'cake': _paint_cake, 'fish': _paint_fish}[domain](look, rng, main, second, accent, detail)
    look.first[8] = look.second[8] = .06  # the eye
    draw = rng.random()
    if draw < .45:  # a blue sky over green
        sky = hsv(uniform(rng, .5, .62), uniform(rng, .15, .6), uniform(rng, .65, 1))
        ground = hsv(uniform(rng, .2, .38), uniform(rng, .3, .7), uniform(rng, .35, .8))
    elif draw < .7:  # a pale wall over earth
        sky = hsv(uniform(rng, 0, 1), uniform(rng, .05, .4), uniform(rng, .6, 1))
        ground = hsv(uniform(rng, .05, .15), uniform(rng, .2, .6), uniform(rng, .4, .85))
    else:
        sky = hsv(uniform(rng, 0, 1), uniform(rng, .1, .6), uniform(rng, .25, 1))
        ground = hsv(uniform(rng, 0, 1), uniform(rng, .1, .6), uniform(rng, .25, .9))
    look.paint(BACKDROP, sky, np.clip(sky * uniform(rng, .6, 1.) + uniform(rng, 0, .25), 0, 1))
    look.paint(GROUND, ground, ground * uniform(rng, .6, 1))
    look.first, look.second = np.clip(look.first, 0, 1), np.clip(look.second, 0, 1)
    look.noise_tile, look.noise = int(rng.integers(1 << 30)), uniform(rng, .0, .10)
    return look


def _paint_animal(look, rng, main, second, accent, detail):
    body, neck, head, leg, tail, mane, hoof = range(1, 8)
    look.paint(body, main, second, 0)
    look.paint(neck, main, second, 0)
    if rng.random() < .4:
        look.paint(head, main, second, 0)
    else:
        look.paint(head, main if rng.random() < .5 else accent)
    if rng.random() < .45:
        look.paint(leg, main, second, 0)
    else:
        look.paint(leg, accent)
    look.paint(tail, detail if rng.random() < .5 else second)
    look.paint(mane, detail if rng.random() < .6 else second)
    look.paint(hoof, random_colour(rng) * .5)


def _paint_fish(look, rng, main, second, accent, detail):
    body, tail, dorsal, fin, head = range(1, 6)
    look.paint(body, main, second, 0)
    look.paint(tail, accent, second, 1)
    look.paint(dorsal, accent)
    look.paint(fin, detail)
    look.paint(head, main if rng.random() < .4 else contrasting_colour(rng, main, .5))


def _paint_house(look, rng, main, second, accent, detail):
    wall, roof, door, window, chimney, step = range(1, 7)
    look.paint(wall, main, second, 0)
    look.paint(roof, accent, contrasting_colour(rng, accent, .5), 1)
    look.paint(door, detail)
    lit = rng.random() < .6
    look.paint(window, hsv(uniform(rng, .1, .65), uniform(rng, .1, .7), uniform(rng, .6, 1)) if lit else random_colour(rng) * .4)
    look.paint(chimney, random_colour(rng) * .8)
    look.paint(step, random_colour(rng) * .7)


def _paint_cake(look, rng, main, second, accent, detail):
    lower, upper, icing, plate, candle, cherry = range(1, 7)
    look.paint(lower, main, second, 0)
    if rng.random() < .4:
        look.paint(upper, main, second, 0)
    else:
        look.paint(upper, accent, contrasting_colour(rng, accent), 1)
    look.paint(icing, detail * .6 + .4 if rng.random() < .6 else detail)
    look.paint(plate, random_colour(rng))
    look.paint(candle, random_colour(rng))
    look.paint(cherry, hsv(uniform(rng, -.05, .15), uniform(rng, .7, 1), uniform(rng, .7, 1)))


# Pixels.

_ROWS, _COLUMNS = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32) / CANVAS
_TILE_SIZE = 512
_tiles = None


def texture_tiles():
    """uint8 [40, 512, 512], built once: spots (0..15), patches between Voronoi borders (16..31), soft noise (32..39)."""
    global _tiles
    if _tiles is None:
        rng = np.random.default_rng(123)
        rows, columns = np.mgrid[0:_TILE_SIZE, 0:_TILE_SIZE].astype(np.float32)
        pixels = np.stack([columns.ravel(), rows.ravel()], 1)
        tiles = []
        for patches in (False, True):
            for index in range(16):
                cell = (24 + 20 * (index / 15.)) if patches else (14 + 18 * (index / 15.))
                count = int(_TILE_SIZE / cell) + 2
                seeds = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2).astype(np.float32)
                seeds[:, 0] += .5 * (seeds[:, 1] % 2)
                seeds = (seeds + rng.uniform(-.28, .28, seeds.shape)) * cell
                distance, _ = cKDTree(seeds).query(pixels, k=2)
                if patches:
                    value = np.clip((3.2 + .06 * cell - (distance[:, 1] - distance[:, 0])) * .6 + .5, 0, 1)
                else:
                    value = np.clip((cell * .33 - distance[:, 0]) + .5, 0, 1)
                tiles.append((value.reshape(_TILE_SIZE, _TILE_SIZE) * 255).astype(np.uint8))
        for index in range(8):
            noise = gaussian_filter(rng.standard_normal((_TILE_SIZE, _TILE_SIZE)).astype(np.float32), 6 + 3 * index, mode='wrap')
            tiles.append(np.clip(noise / noise.std() * 50 + 128, 0, 255).astype(np.uint8))
        _tiles = np.stack(tiles)
    return _tiles


def texture_map(texture, center_x, center_y):
    """Share of the second colour [256, 256]; the texture is fixed to the object's centre."""
    kind, x, y = texture['kind'], _COLUMNS - center_x, _ROWS - center_y
    if kind == 'stripes':
        cosine, sine = math.cos(texture['angle']), math.sin(texture['angle'])
        wave = np.sin((x * cosine + y * sine) * (2 * math.pi / texture['period'])
                      + .8 * np.sin((y * cosine - x * sine) * 14 + texture['phase']) + texture['phase'])
        return np.clip((wave - texture['duty']) * 3 + .5, 0, 1)
    if kind == 'checker':
        frequency = math.pi / (texture['period'] * .9)
        return np.clip(np.sin(x * frequency + texture['phase']) * np.sin(y * frequency + texture['phase']) * 6 + .5, 0, 1)
    if kind == 'gradient':
        return np.clip((y if abs(math.sin(texture['angle'])) > .5 else x) * 2.2 + .5, 0, 1)
    tile = texture_tiles()[texture['tile'] % 16 + (16 if kind == 'patches' else 0)]
    top, left = int(texture['offset_y'] - center_y * CANVAS) % 256, int(texture['offset_x'] - center_x * CANVAS) % 256
    return tile[top:top + CANVAS, left:left + CANVAS].astype(np.float32) / 255


def render(shape, look, drawn=None):
    """(picture uint8 [128, 128, 3], part map uint8 [128, 128]); `drawn`: draw_shape(shape), if it is there already."""
    labels, shades = draw_shape(shape) if drawn is None else drawn
    labels = labels.copy()
    inside = labels > 0
    covered_rows, covered_columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    top, bottom, left, right = covered_rows[0], covered_rows[-1] + 1, covered_columns[0], covered_columns[-1] + 1
    horizon = int(shape['horizon'] * CANVAS)
    labels[horizon:][~inside[horizon:]] = GROUND

    blend = np.empty((CANVAS, CANVAS), np.float32)
    blend[:horizon] = _ROWS[:horizon] / shape['horizon']
    blend[horizon:] = (_ROWS[horizon:] - shape['horizon']) / (1 - shape['horizon'])
    blend[inside] = 0
    for index, texture in enumerate(look.textures):
        textured = np.flatnonzero(look.texture_of == index)
        if len(textured) == 0 or texture['kind'] == 'plain':
            continue
        mask = np.isin(labels, textured)
        blend[mask] = texture_map(texture, (left + right) / 2 / CANVAS, (top + bottom) / 2 / CANVAS)[mask]
    picture = look.first[labels]
    picture += (look.second - look.first)[labels] * blend[..., None]

    light = shades.astype(np.float32) * (1 / 200.)
    height = (_ROWS[top:bottom] - top / CANVAS) * (CANVAS / (bottom - top))
    light[top:bottom] *= np.where(inside[top:bottom], 1.1 - .32 * height, 1.0)
    if look.noise > 0.01:
        tile = texture_tiles()[32 + look.noise_tile % 8, (look.noise_tile >> 4) % 256:, (look.noise_tile >> 13) % 256:]
        light += np.where(inside, 0, (tile[:CANVAS, :CANVAS].astype(np.float32) - 128) * (look.noise / 60.))
    light[_outlines(labels, inside)] *= .5
    picture *= light[..., None]

    picture = picture.reshape(PICTURE_SIZE, SUPERSAMPLING, PICTURE_SIZE, SUPERSAMPLING, 3).mean((1, 3))
    return (np.clip(picture, 0, 1) * 255 + .5).astype(np.uint8), labels[::SUPERSAMPLING, ::SUPERSAMPLING]


def _outlines(labels, inside):
    """Where parts meet, on the object and one pixel around it."""
    edges = np.zeros((CANVAS, CANVAS), bool)
    vertical, horizontal = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edges[1:] |= vertical
    edges[:-1] |= vertical
    edges[:, 1:] |= horizontal
    edges[:, :-1] |= horizontal
    grown = inside.copy()
    grown[1:] |= inside[:-1]
    grown[:-1] |= inside[1:]
    return edges & grown


def render_quad(domain, seed):
    """Two shapes in two looks: pictures [shape, look, 128, 128, 3], part maps [shape, 128, 128], and
    (domain, kind of shape 0, of shape 1, texture of look 0, of look 1)."""
    rng = np.random.default_rng(seed)
    shapes = [sample_shape(domain, rng) for _ in range(2)]
    looks = [sample_look(domain, rng) for _ in range(2)]
    pictures = np.empty((2, 2, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    labels = np.empty((2, PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    for row, shape in enumerate(shapes):
        drawn = draw_shape(shape)
        for column, look in enumerate(looks):
            pictures[row, column], labels[row] = render(shape, look, drawn)
    return pictures, labels, (domain, shapes[0]['kind'], shapes[1]['kind'], looks[0].textures[0]['kind'], looks[1].textures[0]['kind'])
