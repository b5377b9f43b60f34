/** Other forms of a prepared graph, kept beside it over the same weights. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { checksumOf } from '../../platform/checksum';
import { writeWhole } from '../../platform/files';
import { readOwnJson } from '../../platform/ownFile';
import { writeJson } from '../../platform/writeJson';
import { Graph } from './graph';
import { ModelProtoSchema } from './proto/onnx_pb';

/** Checksums of the graph and of the one that was made from it. */
const checkSchema = z.object({ from: z.number(), crc32: z.number() });

/** Path of the form of that name; made when first asked for, or when it is damaged or of another graph. */
export async function derivedGraph(file: string, name: string, edit: (graph: Graph) => void): Promise<string> {
  const target = file.replace(/(\.onnx)?$/, `.${name}.onnx`);
  const checkFile = file.replace(/(\.onnx)?$/, `.${name}.json`);
  const from = checksumOf(file);
  if (fs.existsSync(target)) {
    const check = readOwnJson(checkFile, checkSchema);
    if (check?.from === from && check.crc32 === checksumOf(target)) return target;
  }
  const bytes = edited(await fs.promises.readFile(file), edit);
  await writeWhole(target, bytes);
  writeJson(checkFile, { from, crc32: crc32(bytes) });
  return target;
}

/** Another form of a graph that is no file. */
export function edited(bytes: Uint8Array, edit: (graph: Graph) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  edit(new Graph(model));
  return toBinary(ModelProtoSchema, model);
}
