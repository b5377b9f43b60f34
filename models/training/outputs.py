"""What the decoder has to decode: final latents of transfers, made by the trained network. Best of quads that it never saw (`data.py shards --first`).

    python outputs.py --state STATE --data DIR --out DIR --count 1000

Only quads whose pictures were kept (data.py), for their truths are known as pictures. Settings vary as in the training. A file is an .npz of
`quads` [n], `looks` [n] and `latents` [n, 2, 16, 16, 16]: the outputs with the shapes 0 and 1 of the quad; the first has the look 1 - look, the
second the look `look`, as in rollout.py. A second call goes on.
"""
import argparse
import glob
import os

import numpy as np
import torch

from data import Quads
from evaluate import load_network
from rollout import Couples
from text_encoder import NOUN_ROWS, PROMPT_IDS
from unet import KeyValueSwap


@torch.inference_mode()
def step(network, pool, count):
    """Takes `count` couples one step further."""
    slots, picked = pool.pick(count)
    rows = torch.tensor([NOUN_ROWS[pool.quads.meta[quad][0]] for quad in pool.quad[slots]]).repeat(2)
    context, t, transfers = network['text_encoder'](PROMPT_IDS[rows].to(pool.device)), picked['t'], 2 * count
    swap = KeyValueSwap(transfers, transfers + torch.arange(transfers, device=pool.device).roll(count), 1.67)
    predicted = network['unet'](torch.cat([picked['output'], picked['state']]), t.repeat(2), context.repeat(2, 1, 1), swap)
    output, picture = predicted.chunk(2)
    pool.advance(slots, picked, output, picture)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--state', required=True)
    parser.add_argument('--data', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--count', type=int, default=1000, help='couples, two transfers each')
    parser.add_argument('--pool', type=int, default=8, help='couples in a batch')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(arguments.out, exist_ok=True)
    done = sum(len(np.load(path)['quads']) for path in glob.glob(os.path.join(arguments.out, '*.npz')))
    torch.manual_seed(arguments.seed + done)
    pool = Couples(Quads(arguments.data, arguments.device), arguments.pool, np.random.default_rng(arguments.seed + done), with_pictures=1.0, anywhere=False)
    network = load_network(arguments.state).to(arguments.device)
    while done < arguments.count:
        step(network, pool, pool.size)
        if len(pool.finished) >= pool.size:
            quads, looks, latents = zip(*pool.finished)
            path = os.path.join(arguments.out, f'{arguments.seed}-{done:05d}.npz')
            np.savez(path + '.partial', quads=quads, looks=looks, latents=np.stack(latents))
            os.replace(path + '.partial.npz', path)
            done += len(quads)
            pool.finished.clear()
            print(done, flush=True)


if __name__ == '__main__':
    main()
