/**
 * A throw-away process that tries one execution provider (its only argument) and tells its parent what came of it. A driver that
 * crashes takes this process along and nothing else.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LocalSessions } from '../onnx/runtime';
import { needsParts } from '../onnx/surgery/unfuseAttention';
import { type TensorData } from '../onnx/types';
import { ATTENTION_TOKENS, attentionDifference, relativeDifference } from './attentionProbe';
import { PROBE_INPUT, PROBE_OUTPUT, PROBE_SIDES, probeDims, probeGraph, probeNumbers } from './probeGraph';
import { type ProbeAnswer } from './types';

const ROUNDS = 3;
/** A provider that needs so long for the small size is a software driver: the large one would only show it at length. */
const PATIENCE_MS = 300;

interface Timed {
  milliseconds: number;
  output: Float32Array;
}

async function timeOf(sessions: LocalSessions, key: string, side: number): Promise<Timed> {
  const dims = probeDims(side);
  const data = probeNumbers(
    dims.reduce((product, dim) => product * dim, 1),
    7,
  );
  const feeds: Record<string, TensorData> = { [PROBE_INPUT]: { type: 'float32', dims, data } };
  let best = Infinity;
  let output = new Float32Array(0);
  // The first run compiles shaders or chooses algorithms.
  for (let round = 0; round <= ROUNDS; round++) {
    const start = performance.now();
    output = (await sessions.run(key, feeds, [PROBE_OUTPUT]))[PROBE_OUTPUT]!.data as Float32Array<ArrayBuffer>;
    const took = performance.now() - start;
    if (round > 0) best = Math.min(best, took);
    if (round > 0 && took > PATIENCE_MS) break;
  }
  return { milliseconds: best, output };
}

async function probe(provider: string): Promise<ProbeAnswer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-probe-'));
  try {
    const file = path.join(folder, 'probe.onnx');
    fs.writeFileSync(file, probeGraph());
    const sessions = new LocalSessions();
    await sessions.load('provider', file, { provider });
    await sessions.load('cpu', file, { provider: 'cpu' });
    let side = PROBE_SIDES.small;
    let own = await timeOf(sessions, 'provider', side);
    if (own.milliseconds < PATIENCE_MS) {
      side = PROBE_SIDES.large;
      own = await timeOf(sessions, 'provider', side);
    }
    const cpu = await timeOf(sessions, 'cpu', side);
    const fused = !needsParts(provider);
    return {
      milliseconds: own.milliseconds,
      cpuMilliseconds: cpu.milliseconds,
      difference: relativeDifference(own.output, cpu.output),
      attention: { tokens: ATTENTION_TOKENS, fused, difference: await attentionDifference(sessions, provider, fused) },
      nodes: sessions.placement('provider') ?? {},
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

// Whoever asked is gone.
process.on('disconnect', () => process.exit(0));

void probe(process.argv[2] ?? 'cpu')
  .catch((error: unknown): ProbeAnswer => ({ error: error instanceof Error ? error.message : String(error) }))
  .then((answer) => process.send?.(answer, () => process.exit(0)));
