import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { type GraphDocument, type GraphName, parseGraph, pathFault, pathsRead } from '../graph';
import { readPngTexts } from '../platform/pngText';
import { TrustedFolders } from '../platform/trustedFolders';
import { graphError } from '../protocol/errors';
import { readNamed } from './files';

/** A run as a file tells of it: enough to run it again, which reads back what was kept. */
export interface InspectedRun {
  graphText: string;
  document: GraphDocument;
  /** Absolute; relative paths in the graph start in its folder. */
  graphPath: string;
  /** How the user knows the graph. */
  name: GraphName;
  provider?: string;
  /** Checkpoints it was made with, `id@sha256`. */
  checkpoints: string[];
  /** The files that told of it. */
  files: string[];
}

/** Where its graph's paths may start. */
export interface Whereabouts {
  folder?: string;
  allowOutside?: boolean;
}

const reportSchema = z.object({ graph: z.string(), provider: z.string(), outputs: z.array(z.string()) });
const provenanceSchema = z.object({ provider: z.string().optional(), checkpoints: z.array(z.string()).default([]) });

/** As large as a picture that Weft reads. */
const MAX_PICTURE_BYTES = 512 * 2 ** 20;
/** A report lists a few pictures; who lists more wants us busy. */
const MOST_PICTURES = 32;
const MOST_SHOWN = 5;

/**
 * Reads run.json (by the pictures it lists), a picture of Weft's, or a graph. What the file names comes from a stranger: of it only regular
 * files in the folders that may be read are opened, and nothing else is asked of the disk.
 * @throws WeftError `graph` with what to do, when the file does not lead to a graph
 */
export function readRun(file: string, where: Whereabouts): InspectedRun {
  const absolute = path.resolve(file);
  const bytes = readNamed(file, MAX_PICTURE_BYTES);
  if (bytes[0] === 0x89) return fromPicture(absolute, bytes, where);
  const text = bytes.toString('utf8');
  const report = reportSchema.safeParse(parsed(text));
  if (!report.success) return fromGraph(text, absolute, file, where);
  const { outputs } = report.data;
  const folder = new TrustedFolders(path.dirname(absolute));
  for (const name of outputs.slice(0, MOST_PICTURES)) {
    if (!/\.png$/i.test(name) || pathFault(name, 'read')) continue;
    const found = folder.find(name);
    const picture = found.state === 'there' ? pictureWithGraph(found.real) : undefined;
    if (found.state !== 'there' || picture === undefined) continue;
    const run = fromPicture(found.real, picture, where);
    return { ...run, provider: report.data.provider, files: [absolute, ...run.files] };
  }
  throw graphError(
    `${file} lists ${listed(outputs) || 'no images'}, and none of them is a PNG beside it that contains its graph. Pass the graph itself instead.`,
  );
}

const listed = (names: readonly string[]): string =>
  [
    ...names.slice(0, MOST_SHOWN).map((name) => (name.length > 80 ? `${name.slice(0, 77)}…` : name)),
    ...(names.length > MOST_SHOWN ? ['…'] : []),
  ].join(', ');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pictureWithGraph(file: string): Buffer | undefined {
  try {
    const bytes = readNamed(file, MAX_PICTURE_BYTES);
    return readPngTexts(bytes).has('weft.graph') ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function fromPicture(file: string, bytes: Uint8Array, where: Whereabouts): InspectedRun {
  const texts = readPngTexts(bytes);
  const text = texts.get('weft.graph');
  if (text === undefined) {
    throw graphError(
      `${path.basename(file)} contains no graph. Either Weft did not make it, or another program removed the graph when it saved the image.`,
    );
  }
  const provenance = provenanceSchema.safeParse(parsed(texts.get('weft.run') ?? '{}'));
  const run = fromText(text, file, path.basename(file));
  const name = { as: `the graph in ${path.basename(file)}`, lines: false };
  const base =
    where.folder === undefined
      ? folderWherePathsHold(path.dirname(file), run.document, where)
      : path.resolve(where.folder);
  const graphPath = path.join(base, 'inspected.weft.json');
  return { ...run, graphPath, name, ...(provenance.success ? provenance.data : {}) };
}

/** A graph's paths start where it lies. */
function fromGraph(text: string, file: string, shown: string, { folder }: Whereabouts): InspectedRun {
  const run = fromText(text, file, shown);
  return folder === undefined ? run : { ...run, graphPath: path.join(path.resolve(folder), path.basename(file)) };
}

function fromText(text: string, file: string, shown: string): InspectedRun {
  const { document, problems } = parseGraph(text);
  if (!document) {
    throw graphError(
      `${shown} is not a run.json, an image that contains a graph, or a graph: ${problems[0]?.message ?? 'it is empty.'}`,
    );
  }
  const name = { as: shown, lines: true };
  return { graphText: text, document, graphPath: file, name, checkpoints: [], files: [file] };
}

/**
 * A picture does not say where its graph lay. Paths of a stranger's picture are looked for only where its graph may have been: in the
 * picture's own folder, in those above it that hold a graph or an output folder, and in the current one.
 */
function folderWherePathsHold(start: string, document: GraphDocument, { allowOutside }: Whereabouts): string {
  const paths = pathsRead(document);
  const holds = (folder: string): boolean =>
    paths.every((name) => placeOf(name, folder, allowOutside).file !== undefined);
  const found = [start, ...graphFoldersAbove(start), process.cwd()].find(holds);
  if (found !== undefined) return found;
  const odd = paths.find((name) => pathFault(name, 'read') !== undefined);
  if (odd !== undefined)
    throw graphError(`The path ${JSON.stringify(odd)} in the image's graph ${pathFault(odd, 'read')!.is}.`);
  throw graphError(
    `The graph's images (${listed(paths)}) are not beside the file, in the folder of a graph above it, or in the current folder: ` +
      'pass the folder that they are relative to with --folder, or pass --allow-outside if they are outside it.',
  );
}

/**
 * The file that a path of a stranger's graph names, if it is there and may be read, else why not; the answer is the same whether or not there
 * is a file outside the folder.
 */
function placeOf(name: string, folder: string, allowOutside = false): { file?: string; why: string } {
  const fault = pathFault(name, 'read');
  // Elsewhere a colon or a backslash is a letter like others, and the picture's maker may have picked such a file.
  if (fault && (!fault.odd || process.platform === 'win32')) return { why: fault.is };
  const found = new TrustedFolders(folder).find(name);
  if (found.state === 'there') return { file: found.real, why: '' };
  const anywhere = path.resolve(folder, name);
  if (allowOutside && !fault && fs.existsSync(anywhere)) return { file: anywhere, why: '' };
  return { why: fault?.is ?? (found.state === 'missing' ? 'does not exist' : 'leaves the folder of the graph') };
}

function graphFoldersAbove(start: string): string[] {
  const found: string[] = [];
  for (
    let below = start, folder = path.dirname(start);
    folder !== below;
    below = folder, folder = path.dirname(folder)
  ) {
    if (path.basename(below) === 'weft-out' || holdsGraph(folder)) found.push(folder);
  }
  return found;
}

function holdsGraph(folder: string): boolean {
  try {
    return fs.readdirSync(folder).some((name) => name.endsWith('.weft.json'));
  } catch {
    return false;
  }
}

/**
 * The real path of a file that an inspected run's graph names.
 * @throws WeftError `graph` where it may not be read, with one answer whether or not it is there
 */
export function fileOfRun({ graphPath }: InspectedRun, name: string, { allowOutside }: Whereabouts): string {
  const { file, why } = placeOf(name, path.dirname(graphPath), allowOutside);
  if (file !== undefined) return file;
  throw graphError(
    `The path ${JSON.stringify(name)} in the image's graph ${why}. Pass the images with --structure and --appearance, or pass --allow-outside.`,
  );
}

/** The files of a picture's graph whose names do not travel; whoever made the picture picked them. */
export const oddFilesOf = ({ document, graphPath }: InspectedRun): string[] =>
  pathsRead(document).flatMap((name) => {
    const folder = path.dirname(graphPath);
    const odd = pathFault(name, 'read') !== undefined && placeOf(name, folder).file !== undefined;
    return odd ? [path.resolve(folder, name)] : [];
  });
