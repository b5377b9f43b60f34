/**
 * What surgery writes, to the byte: where a change of the code was to change nothing, it shows here. Where a graph was meant to change, put
 * in the new digest, and raise SURGERY_VERSION or NUMBERS_VERSION in rewriteUnet.ts.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { rewriteUnet } from '../../support/rewriteUnet';
import { modelPath } from '../../fixtures/onnx/open';
import { root } from '../../support/mini';

/** Of the graph, the weights beside it and how both are called. */
const DIGESTS: Record<string, string> = {
  mini: '902121b2da2ef066',
  small_dynamo23: 'f6895dd38373a93f',
  small_optimum: '3a2a2995d6a1d812',
  small_script14_half: '60719beee314c310',
  unet_legacy: 'b97012c7973a04b8',
};

it.each(Object.entries(DIGESTS))('the rewritten UNet of %s is the same to the byte', async (name, expected) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-bytes-'));
  const source = name === 'mini' ? path.join(root, 'models', 'mini', 'unet', 'model.onnx') : modelPath(name);
  const rewritten = await rewriteUnet(source, folder);
  const digest = createHash('sha256').update(JSON.stringify(rewritten.interface));
  for (const file of fs.readdirSync(folder).sort()) digest.update(fs.readFileSync(path.join(folder, file)));
  expect(digest.digest('hex').slice(0, 16)).toBe(expected);
});
