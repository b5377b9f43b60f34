/**
 * Writes what is made from the sources: the JSON Schemas of graphs and of download manifests, and the reference of node types.
 * With `--check` nothing is written, and the exit code is 1 when a file is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { downloadManifestSchema } from '../extension/engine/checkpoints/download/manifest';
import { catalogueMarkdown, graphJsonSchema } from '../extension/graph';

const root = path.resolve(import.meta.dirname ?? __dirname, '..');
async function main(): Promise<void> {
  const schema = path.join(root, 'schemas/weft-graph.schema.json');
  const pretty = async (json: unknown): Promise<string> =>
    format(JSON.stringify(json), { ...(await resolveConfig(schema)), filepath: schema });
  const outputs: Record<string, string> = {
    'schemas/weft-graph.schema.json': await pretty(graphJsonSchema()),
    'schemas/weft-manifest.schema.json': await pretty(
      z.toJSONSchema(downloadManifestSchema, { io: 'input', unrepresentable: 'any' }),
    ),
    'docs/nodes.md': catalogueMarkdown(),
  };

  const stale = Object.entries(outputs).filter(([file, text]) => {
    try {
      return readFileSync(path.join(root, file), 'utf8') !== text;
    } catch {
      return true;
    }
  });
  if (process.argv.includes('--check')) {
    for (const [file] of stale) console.error(`${file} is stale: run "npm run generate".`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const [file, text] of stale) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
      console.log(`${file} written`);
    }
  }
}

void main();
