import * as path from 'node:path';
import { type RunReport, type RunResult } from '../../protocol/engine';
import { longerSide } from '../../protocol/size';
import { animate, strip } from '../image/timeline';
import { type OutputFile } from './context';
import { writeOutputs, writeWhole } from './outputs';
import { peakRssBytes } from './peakRss';
import { placeOutputs } from './planOutputs';
import { drawFrame } from './previews';
import { type Run, seconds } from './run';
import { type TimelineValue } from './values';

/** Writes what a finished run has to write, and says how it went. @param started as of `performance.now()` */
export async function report(run: Run, started: number): Promise<RunResult> {
  const { options, signal, planned, warnings } = run;
  const outputs = [...run.outputs, ...(await timelineFiles(run))];
  signal.throwIfAborted();
  // A link may have been put there while the run went on.
  await placeOutputs(run.plan.nodes, options);
  const { paths: files, named } = await writeOutputs(outputs, options.freeStem);
  await run.store.flush();
  const made = await reportOf(run, files, started);
  const result: RunResult = { report: made, files, warnings };
  if (planned.report !== undefined) {
    result.reportPath = named(planned.report);
    await writeWhole(result.reportPath, `${JSON.stringify(made, null, 2)}\n`, undefined, { durable: true });
  }
  return result;
}

async function reportOf(run: Run, files: readonly string[], started: number): Promise<RunReport> {
  const { services, planned } = run;
  run.takeCounts();
  const opened = await Promise.all(run.checkpoints.opened.values());
  const [inversion] = run.inversions.values();
  const prepared = (inversion?.checkpoint ?? opened[0])?.prepared;
  const lowMemory = opened.some((checkpoint) => checkpoint.lowMemory);
  const providerNodes: RunReport['providerNodes'] = {};
  for (const checkpoint of opened)
    for (const [name, count] of Object.entries(await checkpoint.placement()))
      providerNodes[name] = (providerNodes[name] ?? 0) + count;
  return {
    weft: services.version,
    graph: run.graphDigest,
    checkpoint: {
      id: prepared?.id ?? '',
      sha256: prepared?.sha256 ?? '',
      ...(prepared?.vae && { vae: prepared.vae.sha256 }),
    },
    provider: services.provider,
    providerNodes,
    ...(lowMemory ? { lowMemory } : {}),
    seed: inversion?.schedule.seed ?? run.firstCell?.seed ?? 42,
    ...(run.options.draft ? { draft: true } : {}),
    unet: run.counts,
    nodes: run.nodes,
    seconds: seconds(performance.now() - started),
    peakRssBytes: peakRssBytes(),
    outputs: files.map((file) => path.relative(planned.folder, file).split(path.sep).join('/')),
  };
}

/** Each denoise node's timeline as an animated picture and as a strip, where they are wanted. */
async function timelineFiles({ planned, values, store }: Run): Promise<OutputFile[]> {
  const files: OutputFile[] = [];
  for (const [node, places] of planned.timelines) {
    const timeline = values.get(node)?.['timeline'] as TimelineValue | undefined;
    if (!timeline || timeline.frames.length === 0) continue;
    const size = longerSide(timeline.checkpoint.size);
    const frames = [];
    for (const frame of timeline.frames) frames.push(await drawFrame(timeline.checkpoint, frame, 'x0', size, store));
    files.push({ node, path: places.animation, bytes: await animate(frames, 'webp') });
    files.push({ node, path: places.strip, bytes: await strip(frames) });
  }
  return files;
}
