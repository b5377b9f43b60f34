"""Draws the loss curves of one or more training logs: python curves.py state/log.jsonl --out curves.png"""
import argparse
import json

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

PANELS = {
    'outputs (truth), weighted': ('output', 'late'),
    'noise: pictures and plain batches': ('picture', 'plain'),
    'attention guides': ('correspondence', 'segregation', 'noun'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('log')
    parser.add_argument('--out', required=True)
    arguments = parser.parse_args()
    with open(arguments.log) as file:
        entries = [json.loads(line) for line in file]
    figure, axes = plt.subplots(1, len(PANELS), figsize=(11, 3), dpi=90)
    for axis, (title, names) in zip(axes, PANELS.items()):
        for name in names:
            points = [(entry['rows'] / 1000, entry['loss'][name]) for entry in entries if name in entry['loss']]
            if points:
                axis.plot(*zip(*points), label=name, linewidth=1)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel('thousand rows seen', fontsize=8)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(arguments.out)


if __name__ == '__main__':
    main()
