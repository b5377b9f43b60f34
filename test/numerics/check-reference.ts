/**
 * `npm run check:reference -- DIR [--run NAME] [--unet FILE | --weights]`: replays reference runs through the ordinary executors and prints
 * `key max|Δ|` for each tensor. Exits 1 when one differs by more than 1e-4 (x0 and decoded pictures: 1e-3). The dump of the decoded picture
 * is in half precision: it is held against the decoder on the reference's own latents, and what ours decode to against that.
 * `--weights`: with Weft's own graph over the UNet's weights, taken from the reference's export and put into one .safetensors file.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { emittedAgain } from '../support/exportedWeights';
import { compareRuns, runsOf, unetsOf } from '../support/reference';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { run: { type: 'string' }, unet: { type: 'string' }, weights: { type: 'boolean', default: false } },
  });
  const folder = positionals[0];
  if (!folder) {
    console.error('usage: npm run check:reference -- DIR [--run NAME] [--unet FILE | --weights]');
    process.exit(2);
  }
  const runs = values.run ? [values.run.replace(/\.json$/, '').replace(/^(?!run)/, 'run')] : runsOf(folder);
  const own = (): Promise<string> =>
    emittedAgain(path.join(folder, 'onnx', 'unet_legacy.onnx'), path.join(folder, 'unet_config.json'));
  const unets = values.weights ? [await own()] : values.unet ? [path.resolve(values.unet)] : unetsOf(folder);
  let failed = 0;
  for (const unet of unets) {
    for (const [run, differences] of await compareRuns(folder!, runs, unet)) {
      console.log(`# ${run} with ${values.weights ? 'weights of a .safetensors file' : path.basename(unet)}`);
      for (const { key, difference, tolerance, note } of differences) {
        const bad = !(difference <= tolerance);
        if (bad) failed++;
        console.log(
          `${key} ${difference.toExponential(2)}${bad ? `  above ${tolerance}` : ''}${note ? `  (${note})` : ''}`,
        );
      }
    }
  }
  console.log(failed > 0 ? `${failed} tensors differ` : 'all tensors agree');
  process.exit(failed > 0 ? 1 : 0);
}

void main();
