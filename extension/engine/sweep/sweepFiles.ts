/**
 * A sweep as files: every cell a picture under a name that depends on what it is made from, so that a sweep may stop anywhere, go on, and be
 * divided between processes. `sweep.json` and `sheet.png` follow from the cells that are there; whoever finishes last writes them whole.
 */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import {
  inShardOrder,
  MOST_CELLS,
  parseAxis,
  parseGraph,
  pathsRead,
  shardOf,
  sweepOf,
  sweptPicture,
} from '../../graph';
import { FileProblem, readRegular } from '../../platform/files';
import { type RunOptions, type SweepResult, type SweepSide, type SweepRequest } from '../../protocol/engine';
import { graphError } from '../../protocol/errors';
import { sha256Of } from '../checkpoints/digests';
import { encodePng } from '../image/png';
import { loadSharp } from '../image/sharp';
import { type InputTrust, resolveInput, resolveOutput, resolveOutputFolder } from '../paths';
import { metricLines } from '../execution/metrics';
import { checkOutputs, writeWhole } from '../execution/outputs';
import { checkedGraph } from '../execution/overrides';
import { inputTrust, outputTrust } from '../execution/planOutputs';
import { type RunServices } from '../execution/context';
import { runCell } from '../execution/runGraph';
import { asGraphError, planSweep, type PlannedCell, type SweepDefinition } from './planSweep';
import { runCells } from './runCells';
import { drawSheet, type SheetCell } from './sheet';

const FILE = 'sweep.json';
const SHEET = 'sheet.png';

/** Of files that Weft wrote, but that others may have put there. */
const MAX_JSON_BYTES = 64 << 20;
const MAX_PNG_BYTES = 512 << 20;

const sideSchema = z.object({ title: z.string(), labels: z.array(z.string()).max(MOST_CELLS) });
const factsSchema = z.object({
  unet: z.object({ encoder: z.number(), decoder: z.number() }),
  seconds: z.number(),
  metrics: z.record(z.string(), z.number()).optional(),
});
const recordSchema = factsSchema.extend({ digest: z.string() });
const cellSchema = z.object({
  /** File names: `cells/NAME.png` and `cells/NAME.json`. */
  name: z.string().regex(/^[A-Za-z0-9._+=-]+$/),
  row: z.number().int(),
  column: z.number().int(),
  set: z.array(z.object({ node: z.string(), param: z.string(), value: z.unknown() })),
});
const sweepFileSchema = z
  .object({
    weft: z.string(),
    columns: sideSchema,
    rows: sideSchema.optional(),
    picture: z.object({ node: z.string(), port: z.string() }),
    cells: z.array(cellSchema).max(MOST_CELLS),
  })
  .refine(({ columns, rows, cells }) =>
    cells.every(({ row, column }) => row in (rows?.labels ?? ['']) && column in columns.labels),
  );
type SweepFile = z.infer<typeof sweepFileSchema>;
/** What is told of a cell beside its picture. */
type CellFacts = z.infer<typeof factsSchema>;

const cellFile = (name: string, ending: 'png' | 'json'): string => `cells/${name}.${ending}`;
const pngOf = (folder: string, name: string): string => path.join(folder, cellFile(name, 'png'));
const recordOf = (folder: string, name: string): string => path.join(folder, cellFile(name, 'json'));

/** Writes a file of a sweep, so that it survives a power loss; a link in its folder is not followed out of it. */
const write = async (folder: string, name: string, bytes: Uint8Array | string): Promise<void> =>
  writeWhole(await resolveOutput(name, folder), bytes, undefined, { durable: true });

/**
 * Runs the cells of a sweep, or of one shard of it, that are not in its folder yet, and brings its sheet up to date.
 * @throws WeftError; cells that could not be drawn are named when all others are done
 */
export async function runSweepFiles(
  request: SweepRequest,
  options: RunOptions,
  services: RunServices,
): Promise<SweepResult> {
  const { signal } = services;
  const outDir = await resolveOutputFolder(outputTrust(options));
  const trust = inputTrust(options);
  const { text, problems, tell } = checkedGraph(options, { checkpoints: await services.checkpoints() });
  const { document } = parseGraph(text);
  if (!document) throw graphError(problems.map(tell).join('\n'));
  for (const doubt of problems.filter(({ severity }) => severity === 'warning')) services.warnAbout?.(tell(doubt));
  const definition = await asGraphError((): SweepDefinition => {
    const { over, of, node } = request;
    if (over.length === 0) {
      const ids = Object.keys(document.nodes).filter((id) => document.nodes[id]!.type === 'sweep');
      const id = node ?? (ids.length === 1 ? ids[0]! : undefined);
      if (id === undefined || document.nodes[id]?.type !== 'sweep') {
        const has = ids.length === 0 ? 'no sweep node' : `the sweep nodes ${ids.join(', ')}`;
        throw graphError(
          `The graph has ${has}: say what varies with --over NODE.PARAM=VALUES${ids.length > 1 ? ', or which with --node' : ''}.`,
        );
      }
      return sweepOf(document, id);
    }
    if (over.length > 2) throw graphError(`A sweep varies one or two parameters, not ${over.length}.`);
    const [columns, rows] = over.map(parseAxis);
    return { columns: columns!, rows, picture: sweptPicture(document, of) };
  });
  const plan = await planSweep(text, document, definition, trust);
  const names = await nameCells(plan.cells, services, trust);
  const cells = plan.cells.map((cell, index) => ({ ...cell, name: names[index]! }));
  const file: SweepFile = {
    weft: services.version,
    columns: plan.columns,
    rows: plan.rows,
    picture: plan.picture,
    cells: cells.map(({ name, row, column, set }) => ({ name, row, column, set })),
  };
  const { shard = { index: 1, count: 1 } } = request;
  const own = shardOf(inShardOrder(document, cells), shard.index, shard.count);
  await checkSweepOutputs(options, own, cells, trust);
  const unet = { encoder: 0, decoder: 0 };
  let computed = 0;
  const { runId } = options;
  const { node } = plan.picture;
  const log = (level: 'info' | 'warn', message: string): void => services.emit({ event: 'log', level, message });
  const label = (cell: PlannedCell): string => labelOf(plan, cell);
  const failures: string[] = [];
  await runCells(plan.picture, own, {
    signal,
    run: (cell, picture) => runCell(options, { ...services, emit: () => {} }, cell.graphText, picture),
    begin: async (cell) => {
      const { state } = await readCell(outDir, cell.name);
      if (state === 'finished') log('info', `${label(cell)}: is there already`);
      if (state === 'damaged')
        log('warn', `${label(cell)}: cells/${cell.name}.png does not match its record, so it is computed again`);
      return state !== 'finished';
    },
    done: async (cell, { image, report, provenance }, picture, index) => {
      const texts = { 'weft.graph': cell.graphText, 'weft.run': JSON.stringify(provenance) };
      const facts: CellFacts = { unet: report.unet, seconds: report.seconds, metrics: image.metrics };
      await writeCell(outDir, cell.name, facts, await encodePng(picture, texts));
      unet.encoder += report.unet.encoder;
      unet.decoder += report.unet.decoder;
      computed += 1;
      log('warn', `${label(cell)}: done (${index + 1} of ${own.length})`);
    },
    failed: (cell, { message }) => {
      failures.push(`${label(cell)}: ${message}`);
      log('warn', failures.at(-1)!);
    },
    progress: (done) => services.emit({ event: 'node', runId, node, state: 'running', step: done, total: own.length }),
  });
  const merged = await assemble(outDir, file);
  if (failures.length > 0)
    throw graphError(`${failures.length} of ${own.length} cells were not made:\n${failures.join('\n')}`);
  return { ...merged, computed, found: own.length - computed, unet };
}

/** Refuses a folder that can't hold the sweep, or where it would replace a picture that it reads, before the first cell runs. */
async function checkSweepOutputs(
  options: RunOptions,
  own: readonly { name: string }[],
  cells: readonly PlannedCell[],
  trust: InputTrust,
): Promise<void> {
  // A value that is given twice makes one cell, shown twice.
  const names = [...new Set(own.flatMap(({ name }) => [cellFile(name, 'png'), cellFile(name, 'json')]))];
  const outputs = await Promise.all(
    [SHEET, FILE, ...names].map(async (name) => ({
      path: await resolveOutput(name, outputTrust(options)),
      writer: 'the sweep',
    })),
  );
  const files = new Set(cells.flatMap(({ graphText }) => pathsRead(parseGraph(graphText).document)));
  const inputs = await Promise.all(
    [...files].map((file) =>
      resolveInput(file, trust).then(
        (real) => [{ path: real, reader: 'a cell' }],
        // The cell's own run says what is wrong with it.
        () => [],
      ),
    ),
  );
  await checkOutputs(outputs, [{ path: options.graphPath, reader: 'the graph' }, ...inputs.flat()]);
}

/**
 * Brings the cells of several folders of one sweep together in the first, and writes its sheet.
 * @throws WeftError `graph` when a folder holds no sweep, or another one
 */
export async function mergeSweeps(folders: readonly string[]): Promise<SweepResult> {
  const [into, ...others] = folders as [string, ...string[]];
  const file = await readSweep(into);
  for (const folder of others) {
    const other = await readSweep(folder);
    const same = JSON.stringify(other.cells) === JSON.stringify(file.cells);
    if (!same)
      throw graphError(
        `${folder} holds another sweep than ${into}: its cells are made from other values, pictures or settings.`,
      );
    for (const { name } of file.cells) {
      if ((await readCell(into, name)).state === 'finished') continue;
      const theirs = await readCell(folder, name);
      if (theirs.state === 'finished') await writeCell(into, name, theirs.facts, theirs.png);
    }
  }
  const merged = await assemble(into, file);
  return { ...merged, computed: 0, found: merged.finished, unet: { encoder: 0, decoder: 0 } };
}

/** Writes sweep.json and, from the cells that are there, the sheet. */
async function assemble(
  folder: string,
  file: SweepFile,
): Promise<Pick<SweepResult, 'folder' | 'sheet' | 'finished' | 'total' | 'damaged'>> {
  const sharp = await loadSharp();
  const shown: SheetCell[] = [];
  const cells: (SweepFile['cells'][number] & Partial<CellFacts> & { file?: string })[] = [];
  const damaged: string[] = [];
  for (const cell of file.cells) {
    const { name, row, column } = cell;
    const found = await readCell(folder, name);
    if (found.state === 'damaged') damaged.push(`cells/${name}.png`);
    if (found.state !== 'finished') {
      cells.push(cell);
      shown.push({ row, column });
      continue;
    }
    cells.push({ ...cell, file: `cells/${name}.png`, ...found.facts });
    const { data, info } = await sharp(found.png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    shown.push({
      row,
      column,
      picture: { rgb: new Uint8Array(data), width: info.width, height: info.height },
      lines: metricLines(found.facts.metrics),
    });
  }
  const finished = cells.filter((cell) => cell.file !== undefined).length;
  const sheet = path.join(folder, SHEET);
  await write(folder, SHEET, await encodePng(await drawSheet(file.columns, file.rows, shown)));
  const json = { ...file, complete: finished === cells.length, cells };
  await write(folder, FILE, `${JSON.stringify(json, null, 2)}\n`);
  return { folder, sheet, finished, total: cells.length, damaged };
}

async function readSweep(folder: string): Promise<SweepFile> {
  const bytes = await readRegular(path.join(folder, FILE), MAX_JSON_BYTES).catch((error: unknown) => {
    if (error instanceof FileProblem && error.reason !== 'missing') throw graphError(error.message);
    throw graphError(`${folder} holds no sweep: there is no ${FILE} in it.`);
  });
  try {
    return sweepFileSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw graphError(`${path.join(folder, FILE)} is damaged: run the sweep again, finished cells are kept.`);
  }
}

type FoundCell = { state: 'finished'; facts: CellFacts; png: Uint8Array } | { state: 'missing' | 'damaged' };

/** A cell, if its picture and its record are as they were written, together and for this cell: anything may have become of them since. */
async function readCell(folder: string, name: string): Promise<FoundCell> {
  const read = (file: string, maxBytes: number): Promise<Buffer | undefined> =>
    readRegular(file, maxBytes).catch((error: unknown) => {
      if (error instanceof FileProblem && error.reason === 'missing') return undefined;
      return Buffer.alloc(0);
    });
  const [json, png] = [
    await read(recordOf(folder, name), MAX_JSON_BYTES),
    await read(pngOf(folder, name), MAX_PNG_BYTES),
  ];
  // A cell that was interrupted has a picture and no record yet.
  if (!json) return { state: 'missing' };
  try {
    const { digest, ...facts } = recordSchema.parse(JSON.parse(json.toString('utf8')));
    if (png && digest === digestOfCell(name, facts, png)) return { state: 'finished', facts, png };
  } catch {
    // No record of ours.
  }
  return { state: 'damaged' };
}

/** The picture first: a cell is finished when its record is there. */
async function writeCell(folder: string, name: string, facts: CellFacts, png: Uint8Array): Promise<void> {
  const record = { ...facts, digest: digestOfCell(name, facts, png) };
  await write(folder, cellFile(name, 'png'), png);
  await write(folder, cellFile(name, 'json'), `${JSON.stringify(record, null, 2)}\n`);
}

/** Binds a picture to its record and to its cell, whose name holds a digest of all that it is made from. */
function digestOfCell(name: string, { unet, seconds, metrics }: CellFacts, png: Uint8Array): string {
  const facts = JSON.stringify([name, unet.encoder, unet.decoder, seconds, metrics ?? null]);
  return createHash('sha256').update(`${facts}\n`).update(png).digest('hex');
}

/** What a person calls a cell. */
function labelOf(
  { columns, rows }: { columns: SweepSide; rows?: SweepSide },
  cell: { row: number; column: number },
): string {
  const column = `${columns.title} ${columns.labels[cell.column]}`;
  return rows ? `${rows.title} ${rows.labels[cell.row]}, ${column}` : column;
}

/**
 * Names of the cells: their values, readable, and a digest of everything they are made from (graph, contents of the files it reads, checkpoint,
 * provider), so that a changed file makes a new cell and an unchanged one is found again.
 */
async function nameCells(cells: readonly PlannedCell[], services: RunServices, trust: InputTrust): Promise<string[]> {
  const checkpoints = await services.checkpoints();
  const digests = new Map<string, Promise<string>>();
  const digestOf = (file: string): Promise<string> => {
    if (!digests.has(file)) {
      const made = resolveInput(file, trust)
        .then(sha256Of)
        // The cell's own run says what is wrong with it.
        .catch(() => 'unreadable');
      digests.set(file, made);
    }
    return digests.get(file)!;
  };
  return Promise.all(
    cells.map(async ({ graphText, set }) => {
      const { document } = parseGraph(graphText);
      const nodes = Object.values(document?.nodes ?? {});
      const named = nodes.flatMap(({ type, params }) =>
        type !== 'save' && typeof params?.['path'] === 'string' ? [params['path']] : [],
      );
      // Images come first, as they always did: cells of older versions are found again.
      const files = [...named, ...pathsRead(document).filter((file) => !named.includes(file))];
      const models = nodes.flatMap(({ type, params }) => (type === 'checkpoint' ? [params?.['id'] ?? 'mini'] : []));
      const made = [
        graphText,
        await Promise.all(files.map(digestOf)),
        models.map((id) => checkpoints.find((known) => known.id === id)?.sha256),
        services.provider,
      ];
      const digest = createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 10);
      const words = set.map(
        ({ node, param, value }) => `${slug(param === 'path' || param === 'muted' ? node : param)}-${slug(value)}`,
      );
      return [...words, digest].join('_');
    }),
  );
}

const slug = (value: unknown): string =>
  (typeof value === 'string' ? value.replace(/\.[^./]+$/, '') : JSON.stringify(value))
    .slice(-100)
    .replace(/[^A-Za-z0-9.=+-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(-40);
