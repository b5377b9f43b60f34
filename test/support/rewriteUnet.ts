import * as path from 'node:path';
import { readModel, writeModel } from '../../extension/engine/onnx/modelFile';
import { rewriteUnetGraph } from '../../extension/engine/onnx/surgery/rewriteUnet';
import { type UnetInterface } from '../../extension/engine/onnx/types';

/** Rewrites the UNet export at `source` into `targetFolder`/model.onnx; weights move into external files there. */
export async function rewriteUnet(source: string, targetFolder: string): Promise<{ interface: UnetInterface }> {
  const model = readModel(source);
  const unet = rewriteUnetGraph(model);
  await writeModel(model, path.join(targetFolder, 'model.onnx'));
  return { interface: unet };
}
