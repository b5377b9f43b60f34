/**
 * `npm run bench:preview [-- --rounds N --checkpoint ID --size WxH --steps N --home DIR --against CHECKOUT]`: seconds from the request of a
 * run to its first preview, as the studio asks for it, in an engine process that has just started and has opened nothing:
 * - new images: the checkpoint was used before, its images are new;
 * - first run: nothing is kept either of the checkpoint's previews and optimised graphs.
 * With `--against`, the engine of another checkout (built, too) takes turns with this one's, and the ratio is printed.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ForkedEngine } from '../../extension/engine-client/forkedEngine';
import { standardGraph, writeGraph } from '../../extension/graph';
import { type RunRequest } from '../../extension/protocol/engine';
import { pictures, root } from '../support/mini';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    checkpoint: { type: 'string', default: 'mini' },
    size: { type: 'string' },
    steps: { type: 'string' },
    home: { type: 'string' },
    against: { type: 'string' },
  },
});
const home = values.home ?? fs.mkdtempSync(path.join(os.tmpdir(), 'weft-preview-'));
const out = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-out-'));
process.env.WEFT_HOME = home;
const cache = path.join(home, 'cache');
/** The cache after a run with other images. */
const before = path.join(home, 'cache-before');

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

interface Sight {
  wall: number;
  /** Processor seconds of the engine until then. */
  processor: number;
  /** Seconds of the whole run. */
  run: number;
  peakMb: number;
}

let runs = 0;
async function sight(checkout: string, structure: string, appearance: string): Promise<Sight> {
  let first: Sight | undefined;
  const sees = (): Sight => ({ wall: (performance.now() - start) / 1000, processor: used() - busy, run: 0, peakMb: 0 });
  const engine = new ForkedEngine({
    module: path.join(checkout, 'dist', 'engine.js'),
    advice: '',
    onEvent: (event) => {
      if (event.event === 'preview') first ??= sees();
    },
    onPrint: (text) => process.stderr.write(text),
  });
  const used = (): number => processorSeconds(engine.pid!);
  await engine.hello();
  const steps = values.steps === undefined ? {} : { steps: Number(values.steps), skip: 0 };
  const graph = standardGraph({ structure, appearance, domain: 'animal', checkpoint: values.checkpoint, ...steps });
  const [width, height] = values.size?.split('x').map(Number) ?? [];
  if (width) graph.nodes['model']!.params = { ...graph.nodes['model']!.params, width, height };
  const request: RunRequest = {
    runId: `run-${++runs}`,
    graphText: writeGraph(graph),
    graphPath: path.join(pictures, 'bench.weft.json'),
    outDir: out,
    provider: 'cpu',
    previewEvery: 1,
    previewPaceMs: 80,
    keepAttention: true,
  };
  const [start, busy] = [performance.now(), used()];
  const { report } = await engine.request('run', request, 0);
  const { wall, processor } = first!;
  engine.told = true;
  await engine.request('shutdown', {}, 60_000);
  engine.disconnect();
  return { wall, processor, run: report.seconds, peakMb: report.peakRssBytes / 2 ** 20 };
}

/** User and system time of a process; 0 where the system has no such file. */
function processorSeconds(pid: number): number {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

function forget(...folders: string[]): void {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const checkouts = [root, ...(values.against === undefined ? [] : [path.resolve(values.against)])];
  const cases = {
    'new images': () => {
      forget(cache, path.join(home, 'attention'));
      fs.cpSync(before, cache, { recursive: true });
    },
    'first run': () => forget(cache, path.join(home, 'attention'), path.join(home, 'optimised')),
  };
  forget(cache);
  await sight(root, 'dog.png', 'cow.png');
  // A run's folders are named by the checkout where it has built-in checkpoints.
  if (checkouts[1]) await sight(checkouts[1], 'dog.png', 'cow.png');
  fs.cpSync(cache, before, { recursive: true });
  console.log('| | first preview | processor time until then | whole run | peak memory |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const [name, prepare] of Object.entries(cases)) {
    const sights = checkouts.map((): Sight[] => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [index, checkout] of checkouts.entries()) {
        prepare();
        sights[index]!.push(await sight(checkout, 'giraffe.png', 'zebra.png'));
      }
    }
    const of = (list: Sight[], what: keyof Sight): number => median(list.map((one) => one[what]));
    for (const [index, list] of sights.entries())
      console.log(
        `| ${name}${index === 0 ? '' : `, ${values.against}`} | ${of(list, 'wall').toFixed(3)} s | ${of(list, 'processor').toFixed(2)} s | ` +
          `${of(list, 'run').toFixed(2)} s | ${of(list, 'peakMb').toFixed(0)} MB |`,
      );
    const [mine, other] = sights;
    if (other !== undefined) {
      const ratio = median(mine!.map(({ wall }, round) => other[round]!.wall / wall));
      console.log(`${name}: ${ratio.toFixed(2)} × as soon as there`);
    }
  }
  forget(out, before, ...(values.home === undefined ? [home] : []));
}

void main();
