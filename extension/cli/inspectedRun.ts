import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { type GraphDocument, paramOf, parseGraph, specOf } from '../graph';
import { WeftError } from '../protocol/errors';
import { readPngTexts } from '../node/pngText';

/** A run as a file tells of it: enough to run it again, which reads back what was kept. */
export interface InspectedRun {
  graphText: string;
  document: GraphDocument;
  /** Absolute; relative paths in the graph start in its folder. */
  graphPath: string;
  provider?: string;
  /** Checkpoints it was made with, `id@sha256`. */
  checkpoints: string[];
}

const reportSchema = z.object({ graph: z.string(), provider: z.string(), outputs: z.array(z.string()) });
const provenanceSchema = z.object({ provider: z.string().optional(), checkpoints: z.array(z.string()).default([]) });

/**
 * Reads run.json (by the pictures it lists), a picture of Weft's, or a graph.
 * @throws WeftError `graph` with what to do, when the file does not lead to a graph
 */
export function readRun(file: string, folder: string | undefined): InspectedRun {
  const absolute = path.resolve(file);
  const bytes = readFile(absolute, file);
  if (bytes[0] === 0x89) return fromPicture(absolute, bytes, folder);
  const text = bytes.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const report = reportSchema.safeParse(json);
  if (!report.success) return fromGraph(text, absolute, file, folder);
  const picture = report.data.outputs
    .map((name) => path.resolve(path.dirname(absolute), name))
    .find((name) => fs.existsSync(name) && carriesGraph(name));
  if (!picture) {
    const listed = report.data.outputs.join(', ') || 'no pictures';
    throw new WeftError(
      'graph',
      `${file} lists ${listed}, and none of them is a PNG here that carries its graph: give the graph itself instead.`,
    );
  }
  return { ...fromPicture(picture, fs.readFileSync(picture), folder), provider: report.data.provider };
}

function readFile(absolute: string, shown: string): Buffer {
  try {
    return fs.readFileSync(absolute);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new WeftError('graph', `${shown} can't be read: ${code === 'ENOENT' ? 'there is no such file' : message}.`);
  }
}

const carriesGraph = (file: string): boolean => {
  try {
    return readPngTexts(fs.readFileSync(file)).has('weft.graph');
  } catch {
    return false;
  }
};

function fromPicture(file: string, bytes: Uint8Array, folder: string | undefined): InspectedRun {
  const texts = readPngTexts(bytes);
  const text = texts.get('weft.graph');
  if (text === undefined) {
    throw new WeftError(
      'graph',
      `${path.basename(file)} carries no graph: it was not made by Weft, or was changed since by a program that drops it.`,
    );
  }
  const provenance = provenanceSchema.safeParse(JSON.parse(texts.get('weft.run') ?? '{}'));
  return { ...fromGraph(text, file, file, folder), ...(provenance.success ? provenance.data : {}) };
}

function fromGraph(text: string, file: string, shown: string, folder: string | undefined): InspectedRun {
  const { document, problems } = parseGraph(text);
  if (!document) {
    throw new WeftError(
      'graph',
      `${shown} is neither a run.json, nor a picture that carries a graph, nor a graph: ${problems[0]?.message ?? 'it is empty.'}`,
    );
  }
  const base = folder ? path.resolve(folder) : folderWherePathsHold(path.dirname(file), document);
  return { graphText: text, document, graphPath: path.join(base, 'inspected.weft.json'), checkpoints: [] };
}

/** A picture does not say where its graph lay: the nearest folder above it, or the current one, where the graph's paths lead somewhere. */
function folderWherePathsHold(start: string, document: GraphDocument): string {
  const paths = Object.values(document.nodes).flatMap(({ type, params }) =>
    Object.entries(params ?? {}).flatMap(([name, value]) => {
      const param = paramOf(specOf(type), name);
      return param?.kind === 'path' && param.access === 'read' && typeof value === 'string' ? [value] : [];
    }),
  );
  const holds = (folder: string): boolean => paths.every((name) => fs.existsSync(path.resolve(folder, name)));
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (holds(folder)) return folder;
    if (folder === path.dirname(folder)) break;
  }
  if (holds(process.cwd())) return process.cwd();
  throw new WeftError(
    'graph',
    `The graph's pictures (${paths.join(', ')}) are neither beside the file nor above it: name the folder they are relative to with --folder.`,
  );
}
