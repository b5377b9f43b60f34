"""Trains the UNet and the text encoder of mini on the drawn quads; resumable, paced by the clock.

Batches are of two kinds: `transfer` (couples of rollout.py: outputs are supervised with the drawn truth, pictures with their own noise)
and `plain` (an ordinary diffusion batch over all timesteps and prompts).
On a CPU two single-threaded workers share the weights without locks (Hogwild); each has its own optimiser state and random numbers. On a GPU
there is one worker with large batches. Shards that are drawn while it runs are taken in.
"""
import argparse
import datetime
import json
import math
import os
import time

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
import torch.nn as nn

import schedule
from data import Quads
from rollout import Couples, signal_to_noise
from text_encoder import NOUN_POSITIONS, NOUN_ROWS, PROMPT_IDS, TEMPLATES, TextEncoder
from unet import CONFIG, KeyValueSwap, UNet2DConditionModel


def build_network():
    return nn.ModuleDict(dict(unet=UNet2DConditionModel(**CONFIG), text_encoder=TextEncoder()))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--data', required=True, help='folder of shards (data.py)')
    parser.add_argument('--out', required=True, help='folder of state.pt and log.jsonl')
    parser.add_argument('--resume', help='checkpoint to start from (default: out/state.pt if there is one)')
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument('--deadline', help='when the learning rate reaches its floor, UTC, e.g. 2026-11-24T18:14')
    end.add_argument('--minutes', type=float, help='the same from now on')
    end.add_argument('--rows', type=int, help='the same in rows seen, with those of the checkpoint')
    parser.add_argument('--learning-rate', type=float, default=4e-4)
    parser.add_argument('--floor', type=float, default=4e-6)
    parser.add_argument('--couples', type=int, default=7, help='couples in a batch: four rows, two transfers each')
    parser.add_argument('--plain', type=float, default=0.08, help='share of plain batches')
    parser.add_argument('--pool', type=int, default=42, help='couples in flight, a worker')
    parser.add_argument('--ideal', type=float, default=0.5, help="share of couples that begin on an ideal transfer's way, without own errors")
    parser.add_argument('--ema', type=float, default=0.998)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--pause-file', help='the workers sleep while this file exists')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--bfloat16', action='store_true', help='compute the UNet in bfloat16 where autocasting allows it')
    parser.add_argument('--compile', action='store_true', help='compile the UNet (needs a C++ compiler)')
    arguments = parser.parse_args()
    arguments.workers = 1 if arguments.device != 'cpu' else arguments.workers
    return arguments


class Worker:
    """One process of the training. Rank 0 keeps the moving average, the log and the checkpoint."""

    def __init__(self, rank, arguments, network, counts, state):
        torch.set_num_threads(1)
        seed = arguments.seed * 1000 + state['iterations'] * 10 + rank
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.rank, self.arguments, self.network, self.counts, self.state = rank, arguments, network, counts, state
        self.quads, self.device, self.on_device = arguments.quads, arguments.device, arguments.quads.on_device
        if arguments.plain < 1:
            swapped, crossed = guided_layers(network['unet'])
            for layer in [*swapped, crossed]:
                layer.keep_map = True
        self.compiled = torch.compile(network['unet'], dynamic=False) if arguments.compile else network['unet']
        self.pool = Couples(self.quads, arguments.pool, self.rng, ideal=arguments.ideal)
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
        if state.get('optimizer'):
            self.optimizer.load_state_dict(state['optimizer'])
            # The fused optimiser goes through memory as it lies: its averages must lie like their parameters.
            for parameter, averages in self.optimizer.state.items():
                averages.update({name: torch.empty_like(parameter).copy_(value) for name, value in averages.items() if value.shape == parameter.shape})
        # Relative weight of the latent channels: half alike, half by what a channel does in pixels (a PCA's columns differ).
        self.channel_weights = arguments.channel_weights.to(self.device)
        self.read_words()

    def progress(self, rows):
        """Of the schedule, 0 to 1, by the clock or by the rows seen."""
        begin_time, begin_rows = self.state['schedule_begin'], self.state['schedule_begin_rows']
        if self.arguments.rows:
            return (rows - begin_rows) / max(self.arguments.rows - begin_rows, 1)
        return (time.time() - begin_time) / max(self.arguments.deadline - begin_time, 1)

    def learning_rate(self, iteration, progress):
        rate = self.arguments.floor + (self.arguments.learning_rate - self.arguments.floor) * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1)))
        return rate * min(1, (iteration + 1) / WARM_UP)

    def read_words(self):
        """First rows of the prompt table for each quad's domain [n] and kinds [n, 2], and which looks [n, 2] are striped animals."""
        meta = self.quads.meta
        self.domain_rows = np.array([NOUN_ROWS[entry[0]] for entry in meta])
        self.kind_rows = np.array([[NOUN_ROWS[kind] for kind in entry[1:3]] for entry in meta])
        self.striped = np.array([[entry[0] == 'animal' and texture == 'stripes' for texture in entry[3:5]] for entry in meta])

    def prompt_rows(self, quads, shapes, looks):
        """Rows of the prompt table: the empty prompt (8 %), the domain (62 %) or the kind (30 %), in any of the templates."""
        draw, other, template = self.rng.random(len(quads)), self.rng.random(len(quads)), self.rng.integers(len(TEMPLATES), size=len(quads))
        domains = np.where((self.domain_rows[quads] == NOUN_ROWS['house']) & (other < 0.2), NOUN_ROWS['building'], self.domain_rows[quads])
        kinds = np.where(self.striped[quads, looks] & (other < 0.4), NOUN_ROWS['zebra'], self.kind_rows[quads, shapes])
        return np.where(draw < 0.08, 0, np.where(draw < 0.7, domains, kinds) + template)

    def encode_prompts(self, rows):
        unique, inverse = np.unique(rows, return_inverse=True)
        return self.network['text_encoder'](PROMPT_IDS[unique].to(self.device))[self.on_device(inverse)]

    def predict(self, unet, latents, t, context, swap=None):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.arguments.bfloat16):
            return unet(latents, t, context, swap).float()

    def plain_loss(self):
        count = 4 * self.arguments.couples
        quads, shapes, looks = self.rng.integers(0, len(self.quads), count), self.rng.integers(0, 2, count), self.rng.integers(0, 2, count)
        clean = self.quads.latents[self.on_device(quads), self.on_device(shapes), self.on_device(looks)].float()
        t = self.on_device(np.where(self.rng.random(count) < 0.1, self.rng.integers(750, 1000, count), self.rng.integers(0, 750, count)))
        noise = torch.randn_like(clean)
        predicted = self.predict(self.compiled, schedule.add_noise(clean, noise, t), t, self.encode_prompts(self.prompt_rows(quads, shapes, looks)))
        return (plain_weight(t) * (predicted - noise).pow(2).mean((1, 2, 3))).mean(), {}

    def transfer_loss(self):
        count, unet = 2 * self.arguments.couples, self.network['unet']
        slots, picked = self.pool.pick(self.arguments.couples)
        t, quads, looks = picked['t'], self.pool.quad[slots], self.pool.look[slots]
        prompts = np.concatenate([self.prompt_rows(quads, np.full_like(quads, shape), looks ^ shape) for shape in range(2)])
        context = self.encode_prompts(prompts)
        draw = self.rng.random(count)
        contrast = np.where(draw < 0.75, 1.67, np.where(draw < 0.85, 1.0, self.rng.uniform(1, 2, count))).astype(np.float32)
        # Rows: the outputs of pictures 0 and 1, then pictures 0 and 1; the output of picture 0 reads picture 1 and the other way round.
        sources = count + torch.arange(count, device=self.device).roll(self.arguments.couples)
        swap = KeyValueSwap(count, sources, schedule.per_element(self.on_device(contrast)))
        predicted = self.predict(self.compiled, torch.cat([picked['output'], picked['state']]), t.repeat(2), context.repeat(2, 1, 1), swap)
        output, picture = predicted.chunk(2)
        guides = attention_losses(unet, picked['labels'], picked['weights'], self.on_device(NOUN_POSITIONS.numpy()[prompts]))
        with torch.no_grad():
            guided, guided_rows = output.detach().clone(), np.flatnonzero(picked['guidance'] != 1)
            if len(guided_rows):
                rows, guidance = self.on_device(guided_rows), schedule.per_element(self.on_device(picked['guidance'][guided_rows]))
                without = self.predict(unet, picked['output'][rows], t[rows], context[rows])
                guided[rows] = without + guidance * (guided[rows] - without)
            self.pool.advance(slots, picked, guided, picture.detach())
        ratio = signal_to_noise(t)
        weight = ratio.clamp(0.5, 3) / ratio
        squared = (output - picked['target']).pow(2) * picked['weights'] * self.channel_weights
        per_transfer = weight * squared.mean((1, 2, 3))
        picture_loss = (plain_weight(t) * (picture - picked['noise']).pow(2).mean((1, 2, 3))).mean()
        late = (per_transfer * (t < 100)).sum() / (t < 100).sum()
        loss = per_transfer.mean() + 0.3 * picture_loss + sum(ATTENTION_WEIGHTS[name] * value for name, value in guides.items())
        return loss, dict(late=late, picture=picture_loss, output=per_transfer.mean(), **guides)

    def run(self):
        arguments, state, moving = self.arguments, self.state, self.state['ema']
        iteration, seen_before, begun, saved, losses = state['iterations'], state['rows'], time.time(), time.time(), {}
        averages, weights = list(moving.values()), list(self.network.state_dict().values())
        while (progress := self.progress(seen_before + int(self.counts.sum()))) < 1:
            while arguments.pause_file and os.path.exists(arguments.pause_file):
                time.sleep(1)
            rate = self.learning_rate(iteration - state['resumed_at'], progress)
            for group in self.optimizer.param_groups:
                group['lr'] = rate
            draw = self.rng.random()
            kind = 'plain' if draw < arguments.plain else 'transfer'
            loss, extra = self.plain_loss() if kind == 'plain' else self.transfer_loss()
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            iteration += 1
            self.counts[self.rank] += 4 * arguments.couples
            if self.rank:
                continue
            seen = seen_before + int(self.counts.sum())
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, 1 - arguments.ema)
            for name, value in {kind: loss, **extra}.items():
                losses.setdefault(name, []).append(value.detach())
            if iteration % 25 == 0:
                entry = dict(iteration=iteration, rows=seen, seconds=round(time.time() - begun), learning_rate=rate,
                             rows_per_second=round((seen - seen_before) / (time.time() - begun), 1),
                             loss={name: round(mean, 4) for name, values in sorted(losses.items()) if not math.isnan(mean := torch.stack(values).nanmean().item())})
                losses = {}
                print(json.dumps(entry), flush=True)
                with open(os.path.join(arguments.out, 'log.jsonl'), 'a') as log:
                    log.write(json.dumps(entry) + '\n')
            if time.time() - saved > SAVE_SECONDS:
                self.save(iteration, seen)
                self.quads.extend()
                self.read_words()
                saved = time.time()
        if self.rank == 0:
            self.save(iteration, seen_before + int(self.counts.sum()))

    def save(self, iteration, seen):
        path = os.path.join(self.arguments.out, 'state.pt')
        torch.save(dict(network=self.network.state_dict(), ema=self.state['ema'], optimizer=self.optimizer.state_dict(), iterations=iteration, rows=seen,
                        schedule_begin=self.state['schedule_begin'], schedule_begin_rows=self.state['schedule_begin_rows']), path + '.partial')
        os.replace(path + '.partial', path)


SAVE_SECONDS = 120
WARM_UP = 100  # iterations
ATTENTION_WEIGHTS = dict(correspondence=0.1, segregation=0.05, noun=2.0)


def guided_layers(unet):
    """The swapped self-attentions of the decoder, and the cross-attention whose noun columns Weft segments by."""
    swapped = [transformer.transformer_blocks[0].attn1 for block in unet.up_blocks[1:] for transformer in block.attentions]
    return swapped, unet.up_blocks[-2].attentions[-1].transformer_blocks[0].attn2


def attention_losses(unet, labels, weights, noun_positions):
    """What the attention maps of the last pass should look like; the parts are known, so this is supervision by drawing.

    labels [b, 16, 16, 16]: share of each label in each cell, of outputs and pictures alike; weights [b, 1, 16, 16].
    correspondence: an output's cell reads cells of the same part in the appearance (where it has that part);
    segregation: in the last self-attention, a picture's object reads the object and its surroundings the surroundings;
    noun: the noun's column is high on the object.
    """
    swapped, crossed = guided_layers(unet)
    count = len(labels)
    correspondence = []
    for layer in swapped:
        maps = layer.attention_map[:count].mean(1)
        pooling = 16 // math.isqrt(maps.shape[1])
        own = nn.functional.avg_pool2d(labels, pooling).flatten(2).transpose(1, 2)
        same = own @ own.roll(count // 2, 0).transpose(1, 2)
        importance = nn.functional.avg_pool2d(weights, pooling).flatten(1) * (same.amax(2) > 0.3)
        correspondence.append(-((maps * same).sum(2).clamp(min=1e-3).log() * importance).sum() / importance.sum())
    objects = labels[:, 1:15].sum(1).clamp(max=1)
    inside = objects.flatten(1)
    same = inside[:, :, None] * inside[:, None] + (1 - inside[:, :, None]) * (1 - inside[:, None])
    segregation = -(swapped[-1].attention_map[count:].mean(1) * same).sum(2).clamp(min=1e-3).log().mean()
    column = crossed.attention_map[count:].mean(1).gather(2, noun_positions[:, None, None].expand(-1, 64, 1))[:, :, 0]
    wanted = nn.functional.avg_pool2d(objects[:, None], 2).flatten(1) * 0.6
    noun = ((column - wanted).pow(2).mean(1) * (noun_positions > 0)).mean()
    return dict(correspondence=torch.stack(correspondence).mean(), segregation=segregation, noun=noun)


def plain_weight(t):
    """min-SNR weight (5) of the squared error of the noise, at least 0.1."""
    ratio = signal_to_noise(t)
    return (ratio.clamp(max=5) / ratio).clamp(min=0.1)


def load_state(path, network):
    """Loads weights into `network` and returns the rest of the checkpoint; a fresh one without a path."""
    state = dict(iterations=0, rows=0, optimizer=None, ema=None, schedule_begin=None, schedule_begin_rows=0)
    if path:
        loaded = torch.load(path, weights_only=False, map_location='cpu')
        network.load_state_dict({name: value.float() for name, value in loaded.get('network', loaded['ema']).items()})
        state.update({name: loaded[name] for name in state if name in loaded})
    # The moving average lies where and as the weights lie.
    state['ema'] = {name: torch.empty_like(weight).copy_(loaded['ema'][name] if path else weight) for name, weight in network.state_dict().items()}
    state['resumed_at'] = state['iterations']
    return state


def work(rank, *rest):
    Worker(rank, *rest).run()


def main():
    arguments = parse_arguments()
    os.makedirs(arguments.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    network = build_network().to(arguments.device)
    if arguments.compile or arguments.device != 'cpu':
        network.to(memory_format=torch.channels_last)
    own = os.path.join(arguments.out, 'state.pt')
    state = load_state(own if os.path.exists(own) else arguments.resume, network)
    if not os.path.exists(own) or not state['schedule_begin']:
        state['schedule_begin'], state['schedule_begin_rows'] = time.time(), state['rows']
    arguments.quads = Quads(arguments.data, arguments.device)
    arguments.channel_weights = channel_weights()
    print(len(arguments.quads), 'quads', sum(parameter.numel() for parameter in network.parameters()), 'parameters', flush=True)
    if arguments.minutes:
        arguments.deadline = time.time() + 60 * arguments.minutes
    elif arguments.deadline:
        arguments.deadline = datetime.datetime.fromisoformat(arguments.deadline).replace(tzinfo=datetime.timezone.utc).timestamp()
    counts = torch.zeros(arguments.workers, dtype=torch.int64).share_memory_()
    if arguments.device != 'cpu':
        torch.set_float32_matmul_precision('high')
        return Worker(0, arguments, network, counts, state).run()
    network.share_memory()
    multiprocessing.set_start_method('fork')
    processes = [multiprocessing.Process(target=work, args=(rank, arguments, network, counts, state)) for rank in range(arguments.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def channel_weights():
    """[1, 16, 1, 1], mean 1; from the norms of the PCA's columns (vae.py), largest first."""
    norms = torch.tensor([2.22, 1.47, 1.34, 0.73, 0.62, 0.56, 0.51, 0.39, 0.33, 0.38, 0.33, 0.18, 0.13, 0.22, 0.23, 0.14])
    squared = norms ** 2
    return (0.5 + 0.5 * squared / squared.mean())[None, :, None, None]


if __name__ == '__main__':
    main()
