/** The weights in an ONNX export of a UNet, back under the names that PyTorch has them by, and the graph that Weft writes for them. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { emitUnet } from '../../extension/engine/onnx/emit/unet';
import { type OnnxModel, readModel, referenceOf, writeModel } from '../../extension/engine/onnx/modelFile';
import { TensorProto_DataType } from '../../extension/engine/onnx/proto/onnx_pb';
import { unetOf } from '../../extension/engine/safetensors/parts';
import { readWeights } from '../../extension/engine/safetensors/weights';
import { writeSafetensors } from './safetensors';

/**
 * Of an export by PyTorch's TorchScript exporter: it keeps the names of all tensors but those of linear layers, which it turns round, and of group
 * normalisations; those are the names of their nodes.
 */
export function exportedWeights(file: string): Record<string, { shape: number[]; data: Float32Array }> {
  const model = readModel(file);
  const { initializer, node } = model.proto.graph!;
  const products = node.filter(({ opType, name }) => opType === 'MatMul' && name.endsWith('/MatMul'));
  const module = (name: string): string => name.slice(1, name.lastIndexOf('/')).replaceAll('/', '.');
  const linear = new Map(products.map(({ name, input }) => [input[1]!, module(name)]));
  // What a group normalisation multiplies by and adds.
  const norms = new Map(
    node
      .filter(({ name }) => /norm\w*\/(Mul|Add)$/.test(name))
      .map(({ name, opType, input }) => [input[1]!, `${module(name)}.${opType === 'Mul' ? 'weight' : 'bias'}`]),
  );
  const weights: Record<string, { shape: number[]; data: Float32Array }> = {};
  const take = (called: string, tensor: (typeof initializer)[number]): void => {
    const shape = tensor.dims.map(Number);
    const data = numbersOf(model, tensor);
    const layer = linear.get(called);
    const name = norms.get(called) ?? called;
    if (layer !== undefined) {
      const [inputs, outputs] = shape as [number, number];
      const turned = Float32Array.from(data, (_, i) => data[(i % inputs) * outputs + Math.floor(i / inputs)]!);
      weights[`${layer}.weight`] = { shape: [outputs, inputs], data: turned };
    } else if (/^[a-z_]+\.([\w.]+\.)?(weight|bias)$/.test(name)) weights[name] = { shape, data };
  };
  const numbers = initializer.filter(({ dataType }) => dataType === TensorProto_DataType.FLOAT);
  for (const tensor of numbers) take(tensor.name, tensor);
  // Equal tensors are written once, and called by their other names through an Identity.
  for (const { opType, input, output } of node) {
    const shared = opType === 'Identity' ? numbers.find(({ name }) => name === input[0]) : undefined;
    if (shared !== undefined) take(output[0]!, shared);
  }
  return weights;
}

function numbersOf(
  model: OnnxModel,
  tensor: NonNullable<OnnxModel['proto']['graph']>['initializer'][number],
): Float32Array {
  const index = referenceOf(tensor);
  if (index === undefined) return new Float32Array(Uint8Array.from(tensor.rawData).buffer);
  const { file, offset, length } = model.weights[index]!;
  const bytes = new Uint8Array(length);
  const fd = fs.openSync(file, 'r');
  fs.readSync(fd, bytes, 0, length, offset);
  fs.closeSync(fd);
  return new Float32Array(bytes.buffer);
}

/** The same UNet as a .safetensors file, and that as Weft's own graph: its path. @param config the UNet's config.json */
export async function emittedAgain(file: string, config: string): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-emitted-'));
  const weights = path.join(folder, 'unet.safetensors');
  writeSafetensors(weights, exportedWeights(file));
  const unet = emitUnet(
    unetOf(readWeights(weights)),
    JSON.parse(fs.readFileSync(config, 'utf8')) as Record<string, unknown>,
  );
  const target = path.join(folder, 'model.onnx');
  await writeModel(unet, target);
  fs.rmSync(weights);
  return target;
}
