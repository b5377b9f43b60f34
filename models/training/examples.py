"""Draws the example pictures of `examples/images`: looks chosen by hand, within what the training knows.

    python examples.py --out ../../examples/images
"""
import argparse
import os

import numpy as np
from PIL import Image

import renderer

PLAIN = dict(kind='plain')


def rgb(code):
    return np.array([int(code[place:place + 2], 16) for place in (1, 3, 5)], np.float32) / 255


def shape_of(domain, kind, seed, **fixed):
    """The first shape of that kind which the seed gives, with some numbers fixed."""
    rng = np.random.default_rng(seed)
    while True:
        shape = renderer.sample_shape(domain, rng)
        if shape['kind'] == kind:
            return {**shape, **fixed}


def look_of(domain, seed, parts, textures, sky, ground):
    """Textures from the seed, colours by hand; `parts`: label -> (colour, second colour or None, texture)."""
    look = renderer.sample_look(domain, np.random.default_rng(seed))
    for label, (first, second, texture) in parts.items():
        look.paint(label, rgb(first), rgb(second or first), texture)
    for own, texture in zip(look.textures, textures):
        own.update(texture)
    look.paint(renderer.BACKDROP, rgb(sky[0]), rgb(sky[1]))
    look.paint(renderer.GROUND, rgb(ground[0]), rgb(ground[1]))
    look.noise = 0.03
    return look


def animal(coat, head, legs, tail, mane, hoofs):
    return {1: coat, 2: coat, 3: head, 4: legs, 5: (tail, None, -1), 6: (mane, None, -1), 7: (hoofs, None, -1)}


def plain(*colours):
    return {label + 1: (colour, None, -1) for label, colour in enumerate(colours)}


def examples():
    """name -> (shape, look)."""
    giraffe, zebra, cow, fox = ('#e8c27a', '#8a4a1f', 0), ('#f4f2ec', '#1c1c22', 0), ('#f6efe2', '#7a3b1c', 0), ('#d0602a', None, -1)
    return {
        'giraffe': (shape_of('animal', 'giraffe', 3, flip=False, horizon=.7),
                    look_of('animal', 1, animal(giraffe, ('#e8c27a', None, -1), giraffe, '#5b3316', '#6b3a16', '#3a2412'),
                            [dict(kind='patches', tile=2), PLAIN], ('#8fd0f0', '#dff2fb'), ('#c9b458', '#a58f3c'))),
        'zebra': (shape_of('animal', 'horse', 5, flip=True, horizon=.68),
                  look_of('animal', 2, animal(zebra, ('#f4f2ec', None, -1), zebra, '#26262c', '#26262c', '#141418'),
                          [dict(kind='stripes', period=.085, angle=.15, duty=0.0), PLAIN], ('#f2c48a', '#f9e6c4'), ('#6fa045', '#4d7a2e'))),
        'cow': (shape_of('animal', 'cow', 8, flip=False, horizon=.66),
                look_of('animal', 3, animal(cow, ('#7a3b1c', None, -1), ('#f6efe2', None, -1), '#7a3b1c', '#e5c9a0', '#2e2018'),
                        [dict(kind='spots', tile=14), PLAIN], ('#9cc8e8', '#e3f0f6'), ('#63a04a', '#4b8038'))),
        'dog': (shape_of('animal', 'dog', 12, flip=False, horizon=.7),
                look_of('animal', 4, animal(fox, ('#f3dcc0', None, -1), fox, '#f3dcc0', '#7a2f12', '#55250f'),
                        [PLAIN, PLAIN], ('#b9d8c8', '#e9f3ea'), ('#8c9a5a', '#6e7c40'))),
        'tower': (shape_of('house', 'tower', 4, flip=False, horizon=.74),
                  look_of('house', 5, plain('#b9b3a6', '#4a5a78', '#5a3a22', '#f3d98a', '#7a5a4a', '#6b665e'),
                          [PLAIN, PLAIN], ('#7fb2dc', '#d3e6f2'), ('#7da05a', '#5f8040'))),
        'cottage': (shape_of('house', 'house', 7, flip=False, horizon=.72),
                    look_of('house', 6, {**plain('#c4482c', '#7a4a2a', '#2f6b4a', '#a8dcec', '#8a3a26', '#6e5a4a'),
                                         1: ('#c4482c', '#e8d0b8', 0), 2: ('#7a4a2a', '#55331c', 1)},
                            [dict(kind='checker', period=.09), dict(kind='stripes', period=.08, angle=1.57)],
                            ('#f7c9a8', '#fbe8d4'), ('#9cae4a', '#7c8c38'))),
        'cake': (shape_of('cake', 'cake', 3, flip=False, horizon=.66, cherries=False, toppings=3),
                 look_of('cake', 7, plain('#8a5a34', '#8a5a34', '#fbeede', '#e8e4dc', '#5a8ac8', '#ffb428'),
                         [PLAIN, PLAIN], ('#cfd8e4', '#eef1f4'), ('#a8764a', '#8a5c36'))),
        'berry-cake': (shape_of('cake', 'cake', 9, flip=False, horizon=.64, cherries=True, toppings=4),
                       look_of('cake', 8, {**plain('#f2a0b8', '#f2a0b8', '#fff4f6', '#5a7a9a', '#e8d060', '#d01838'),
                                           1: ('#f2a0b8', '#c8325a', 0), 2: ('#f2a0b8', '#c8325a', 0)},
                               [dict(kind='stripes', period=.1, angle=.1, duty=0.), PLAIN], ('#cbe8dc', '#eef8f2'), ('#6aa89a', '#4c8478'))),
        'fish': (shape_of('fish', 'fish', 4, flip=False, horizon=.76),
                 look_of('fish', 9, plain('#f08a24', '#c8501c', '#c8501c', '#f4c060', '#f6b04a'),
                         [PLAIN, PLAIN], ('#5ac0d8', '#b8e6ee'), ('#dcc48a', '#bfa468'))),
        'reef-fish': (shape_of('fish', 'fish', 11, flip=True, horizon=.72),
                      look_of('fish', 10, {**plain('#2a4ac8', '#f4dc4a', '#e84a7a', '#e84a7a', '#2a2a6a'), 1: ('#2a4ac8', '#f4dc4a', 0)},
                              [dict(kind='stripes', period=.11, angle=.0, duty=0.), PLAIN], ('#2a7a9a', '#58b0b8'), ('#c87a58', '#a85e42'))),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', required=True)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    for name, (shape, look) in examples().items():
        Image.fromarray(renderer.render(shape, look)[0]).save(os.path.join(arguments.out, f'{name}.png'), optimize=True)


if __name__ == '__main__':
    main()
