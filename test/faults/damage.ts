/** Damage to what Weft keeps below WEFT_HOME: the next run must give the same pictures, or say in a sentence why it can't. */
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../support/mini';
import { complaintAboutText, type FaultKind, filesBelow, halfDone } from './fault';
import { differences, makeProject, picturesIn, RUN, weft } from './program';
import { type Random } from './random';

const TEXTS = ['null', '{}', '[]', '7', '"text"', 'no JSON', '', '{"files": null}', '[null]', '{"__proto__": null}'];

/** Ways to damage a file of `bytes`; `others`: files of its kind to be swapped with. */
const DAMAGES: Record<string, (bytes: Buffer, random: Random, others: () => Buffer) => Buffer | 'remove' | 'folder'> = {
  'bits flipped': (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0)
      for (let flips = 1 + random.below(4); flips > 0; flips--)
        copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  'a bit of its second half flipped': (bytes, random) => {
    const copy = Buffer.from(bytes);
    const half = copy.length >> 1;
    if (copy.length > 0) copy[half + random.below(copy.length - half)]! ^= 1 << random.below(8);
    return copy;
  },
  'cut short': (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  lengthened: (bytes) => Buffer.concat([bytes, Buffer.alloc(64)]),
  'a part zeroed': (bytes, random) => {
    const copy = Buffer.from(bytes);
    const from = random.below(copy.length + 1);
    return copy.fill(0, from, Math.min(copy.length, from + 1 + random.below(4096)));
  },
  zeroed: (bytes) => Buffer.alloc(bytes.length),
  'replaced by a text': (_, random) => Buffer.from(random.pick(TEXTS)),
  'swapped with another': (_bytes, _random, others) => others(),
  removed: () => 'remove',
  'replaced by a folder': () => 'folder',
};

export const damage: FaultKind = {
  name: 'damage',
  async *trials(random, folder) {
    const home = path.join(folder, 'home');
    // The embedded checkpoint, which is prepared again when it is damaged, and an imported one.
    fs.cpSync(path.join(root, 'models', 'mini'), path.join(folder, 'source'), { recursive: true });
    const added = await weft(home, folder, 'models', 'add', path.join(folder, 'source'), '--id', 'imported');
    if (added.status !== 0) throw new Error(`The checkpoint could not be imported: ${added.stderr}`);
    const right = new Map<string, Map<string, Buffer>>();
    for (const checkpoint of ['mini', 'imported']) {
      const project = path.join(folder, checkpoint);
      makeProject(project, checkpoint);
      const { status, stderr } = await weft(home, project, ...RUN);
      if (status !== 0) throw new Error(`The first run of ${checkpoint} failed: ${stderr}`);
      right.set(checkpoint, picturesIn(project));
    }
    const files = filesBelow(home);
    for (;;) {
      // Each file once before any comes again, with another damage; the many files of the cache do not hide the few others.
      const groups = new Map<string, string[]>();
      for (const file of random.shuffled(files)) {
        const of = path.dirname(file).slice(0, 24);
        // Folders of the cache are named by the first letters of their files.
        const group = of.replace(/^(cache|attention)\/.*/, '$1');
        groups.set(group, [...(groups.get(group) ?? []), file]);
      }
      const rounds = [...groups.values()];
      while (rounds.some((group) => group.length > 0))
        for (const group of random.shuffled(rounds)) {
          const file = group.pop();
          if (file === undefined) continue;
          const [how, change] = random.pick(Object.entries(DAMAGES));
          const of = file.startsWith('checkpoints/imported/') ? 'imported' : undefined;
          const checkpoint = of ?? (file.startsWith('checkpoints/') ? 'mini' : random.pick(['mini', 'imported']));
          yield {
            title: `${file} ${how}, then a run with ${checkpoint}`,
            async run() {
              const copy = path.join(folder, 'damaged');
              fs.rmSync(copy, { recursive: true, force: true });
              fs.cpSync(home, copy, { recursive: true, preserveTimestamps: true });
              const target = path.join(copy, file);
              const siblings = files.filter(
                (other) =>
                  other !== file && path.extname(other) === path.extname(file) && fs.existsSync(path.join(home, other)),
              );
              const changed = change(fs.readFileSync(target), random, () =>
                siblings.length === 0 ? Buffer.alloc(0) : fs.readFileSync(path.join(copy, random.pick(siblings))),
              );
              // In place, so that the file keeps its inode.
              if (typeof changed !== 'string') fs.writeFileSync(target, changed);
              else fs.rmSync(target);
              if (changed === 'folder') fs.mkdirSync(target);
              // Twice: what the first run made of it must not mislead the second.
              for (const again of [false, true]) {
                const problem = await check(copy, path.join(folder, checkpoint), right.get(checkpoint)!, file);
                if (problem !== undefined) return again ? `in the second run after it: ${problem}` : problem;
              }
              return undefined;
            },
          };
        }
    }
  },
};

async function check(
  home: string,
  project: string,
  right: Map<string, Buffer>,
  file: string,
): Promise<string | undefined> {
  fs.rmSync(path.join(project, 'weft-out'), { recursive: true, force: true });
  // With its products kept, a run would not look at anything else.
  if (!file.startsWith('cache/')) fs.rmSync(path.join(home, 'cache'), { recursive: true, force: true });
  const { status, stderr } = await weft(home, project, ...RUN);
  if (status !== 0) {
    // An imported checkpoint is not Weft's to make anew.
    const mayRefuse = file.startsWith('checkpoints/imported/');
    if (!mayRefuse) return `the run ended with ${status}: ${stderr}`;
    return complaintAboutText(stderr, status, ['checkpoint']);
  }
  if (/\n\s+at |Cannot read|TypeError/.test(stderr)) return `it says ${stderr}`;
  const left = halfDone(home);
  if (left.length > 0) return `half-written files are left: ${left.join(', ')}`;
  return differences(right, picturesIn(project));
}
