/** Manifests of checkpoints and LoRAs that can be downloaded by name: `models/*.json` of Weft, and `WEFT_HOME/manifests/*.json` of the user. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { readRegularSync, withFileErrors } from '../../../platform/files';
import { graphError } from '../../../protocol/errors';
import { notTheFile } from '../../onnx/notTheFile';
import { jsonFault } from '../modelText';
import { pathFault } from '../../../graph';

/** A manifest lists two hundred files at most. */
const MOST_BYTES = 4 << 20;
const SHA256 = /^[0-9a-f]{64}$/;
const elementType = z.enum(['float32', 'float16', 'int64', 'int32', 'unknown']);

/** Why a path of a manifest can't be used, as the end of a sentence. Manifests come from strangers: they stay in their folder. */
function refusedPath(file: string): string | undefined {
  const malformed = pathFault(file, 'write')?.is;
  if (malformed !== undefined) return malformed;
  const segments = file.split('/');
  if (segments.includes('..') || segments.includes('.') || segments.includes(''))
    return 'is no plain path below the folder of the checkpoint';
  if (!/^[\w][\w. +-]*(\/[\w][\w. +-]*)*$/.test(file)) return 'has characters that no file of a checkpoint needs';
  return undefined;
}

const filePath = z.string().superRefine((file, context) => {
  const reason = refusedPath(file);
  if (reason !== undefined) context.addIssue({ code: 'custom', message: `the path ${JSON.stringify(file)} ${reason}` });
});

/** A file of a checkpoint. */
const manifestFileSchema = z.strictObject({
  path: filePath,
  /** Bytes: exact, or as the publisher's page rounds them. */
  bytes: z.union([z.number().int().positive(), z.strictObject({ about: z.number().int().positive() })]),
  sha256: z.union([z.string().regex(SHA256, 'must be 64 hexadecimal digits'), z.literal('unknown')]),
  /** A configuration that a checkpoint works without: left out when the server has none. */
  optional: z.boolean().default(false),
});

export const downloadManifestSchema = z
  .strictObject({
    /** For editors; not read. */
    $schema: z.string().optional(),
    /** A LoRA for Stable Diffusion; absent: a checkpoint. */
    kind: z.literal('lora').optional(),
    /** What to call it, and the id of the checkpoint made of it. */
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens'),
    title: z.string().min(1).max(200),
    description: z.string().max(1000),
    /** For people who have no preference: listed first. */
    recommended: z.boolean().default(false),
    /** Where files lie: SERVER/REPOSITORY/resolve/REVISION/PATH. A mirror takes the place of the server. */
    server: z.url({ protocol: /^https?$/ }).default('https://huggingface.co'),
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'must be OWNER/NAME'),
    revision: z.string().regex(/^[\w][\w.-]*$/, 'must be a branch, a tag or a commit'),
    licence: z.strictObject({
      id: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
      title: z.string().min(1).max(200),
      url: z.url({ protocol: /^https?$/ }),
      /** The licence in a few sentences; it does not take the licence's place. */
      summary: z.array(z.string().max(500)).min(1).max(12),
    }),
    precision: z.enum(['fp32', 'fp16', 'mixed']),
    /** What wrote the export; `none` of a .safetensors file. */
    exporter: z.enum(['diffusers', 'optimum', 'other', 'none']),
    /** Element types of the graphs' inputs, where known. Never relied on: names, types and shapes are read from the graphs. */
    inputs: z.partialRecord(
      z.enum(['unet', 'text_encoder', 'vae_encoder', 'vae_decoder']),
      z.record(z.string(), elementType),
    ),
    pictureSize: z.number().int().min(8).max(8192),
    domains: z.array(z.strictObject({ noun: z.string(), kinds: z.array(z.string()).default([]) })).default([]),
    /** Defaults of parameters, in the words of a checkpoint's weft.json. */
    defaults: z.record(z.string(), z.unknown()).default({}),
    files: z
      .array(manifestFileSchema)
      .min(1)
      .max(200)
      .refine((files) => new Set(files.map((file) => file.path.toLowerCase())).size === files.length, {
        message: 'two files have the same path',
      }),
    /** What is known of this export and what was never tried, for the documentation and the picker. */
    notes: z.array(z.string().max(500)).default([]),
  })
  .refine(({ kind, files }) => kind !== 'lora' || (files.length === 1 && files[0]!.path.endsWith('.safetensors')), {
    message: 'a LoRA is one .safetensors file',
    path: ['files'],
  });
export type DownloadManifest = z.infer<typeof downloadManifestSchema>;
export type ManifestFile = DownloadManifest['files'][number];

export const expectedBytes = ({ bytes }: ManifestFile): number => (typeof bytes === 'number' ? bytes : bytes.about);
export const exactBytes = ({ bytes }: ManifestFile): number | undefined =>
  typeof bytes === 'number' ? bytes : undefined;
export const knownDigest = ({ sha256 }: ManifestFile): string | undefined =>
  sha256 === 'unknown' ? undefined : sha256;

/** @throws WeftError `graph` naming the file, the place in it and what is wrong. */
export function parseManifest(text: string, file: string): DownloadManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw graphError(`${file} ${jsonFault(text, error)}`);
  }
  const parsed = downloadManifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.join('.');
  throw graphError(
    `${file} is not a manifest of a checkpoint: ${place ? `${place}: ` : ''}${issue.message}. See docs/checkpoints.md for the form.`,
  );
}

/** @throws WeftError `graph` if it can't be read or is none. */
export function readManifestFile(file: string): DownloadManifest {
  const bytes = withFileErrors('graph', () => readRegularSync(file, MOST_BYTES));
  const name = path.basename(file);
  const other = notTheFile(bytes);
  if (other !== undefined) throw graphError(`${name} ${other}`);
  return parseManifest(bytes.toString('utf8').replace(/^\ufeff/, ''), name);
}

/**
 * The manifests in the folders, by name; of two with one name the earlier folder's counts, so that what comes with Weft keeps its
 * meaning. Those that are left out for it, and damaged ones, are told.
 */
export function readManifests(folders: string[], onProblem: (sentence: string) => void): Map<string, DownloadManifest> {
  const found = new Map<string, DownloadManifest>();
  for (const folder of folders) {
    let names: string[];
    try {
      names = fs.readdirSync(folder).filter((name) => name.endsWith('.json'));
    } catch {
      continue;
    }
    const own = new Map<string, DownloadManifest>();
    for (const name of names.sort()) {
      const file = path.join(folder, name);
      try {
        const manifest = readManifestFile(file);
        if (found.has(manifest.name)) onProblem(`${file} is left out: ${takenName(manifest.name)}`);
        else own.set(manifest.name, manifest);
      } catch (error) {
        onProblem(error instanceof Error ? error.message : String(error));
      }
    }
    for (const [name, manifest] of own) found.set(name, manifest);
  }
  return found;
}

/** Why a manifest can't have a name, as a sentence. */
export const takenName = (name: string): string =>
  `"${name}" is the name of a checkpoint that comes with Weft. Give it another "name".`;
