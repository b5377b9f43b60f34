/** A graph of a few milliseconds that has what a UNet spends its time on: convolutions, and attention over what they give. */
import { create, toBinary } from '@bufbuild/protobuf';
import { makeNode } from '../onnx/graph';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../onnx/proto/onnx_pb';

export const PROBE_INPUT = 'x';
export const PROBE_OUTPUT = 'y';
const CHANNELS = 128;
const CONVOLUTIONS = 3;
/** Sides to run it at: enough to be right or wrong, and enough to be timed. */
export const PROBE_SIDES = { small: 16, large: 64 };
export const probeDims = (side: number): number[] => [1, CHANNELS, side, side];

/** Numbers in about [-1, 1] that any machine makes alike: a linear congruential generator. */
export function probeNumbers(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function probeGraph(): Uint8Array {
  const float = TensorProto_DataType.FLOAT;
  const value = (name: string, dims: (number | string)[]): ValueInfoProto =>
    create(ValueInfoProtoSchema, {
      name,
      type: create(TypeProtoSchema, {
        value: {
          case: 'tensorType',
          value: create(TypeProto_TensorSchema, {
            elemType: float,
            shape: create(TensorShapeProtoSchema, {
              dim: dims.map((dim) =>
                create(TensorShapeProto_DimensionSchema, {
                  value:
                    typeof dim === 'number'
                      ? { case: 'dimValue', value: BigInt(dim) }
                      : { case: 'dimParam', value: dim },
                }),
              ),
            }),
          }),
        },
      }),
    });
  const nodes = [];
  const initializer = [];
  let at = PROBE_INPUT;
  for (let i = 0; i < CONVOLUTIONS; i++) {
    const dims = [CHANNELS, CHANNELS, 3, 3];
    const gain = Math.sqrt(3 / (CHANNELS * 9));
    const weights = probeNumbers(CHANNELS * CHANNELS * 9, i + 1).map((number) => number * gain);
    initializer.push(
      create(TensorProtoSchema, {
        name: `w${i}`,
        dataType: float,
        dims: dims.map(BigInt),
        rawData: new Uint8Array(weights.buffer),
      }),
    );
    nodes.push(makeNode('Conv', [at, `w${i}`], [`c${i}`], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }));
    at = `c${i}`;
  }
  // Attention of the channels over one another: [C, N] · [N, C].
  initializer.push(
    create(TensorProtoSchema, {
      name: 'rows',
      dataType: TensorProto_DataType.INT64,
      dims: [2n],
      rawData: new Uint8Array(BigInt64Array.of(BigInt(CHANNELS), -1n).buffer),
    }),
    create(TensorProtoSchema, {
      name: 'scale',
      dataType: float,
      dims: [],
      rawData: new Uint8Array(Float32Array.of(1 / CHANNELS).buffer),
    }),
  );
  nodes.push(
    makeNode('Reshape', [at, 'rows'], ['q']),
    makeNode('Transpose', ['q'], ['k'], { perm: [1, 0] }),
    makeNode('MatMul', ['q', 'k'], ['scores']),
    makeNode('Mul', ['scores', 'scale'], ['scaled']),
    makeNode('Softmax', ['scaled'], ['map']),
    makeNode('MatMul', ['map', 'q'], [PROBE_OUTPUT]),
  );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
      graph: create(GraphProtoSchema, {
        name: 'probe',
        node: nodes,
        initializer,
        input: [value(PROBE_INPUT, [1, CHANNELS, 'height', 'width'])],
        output: [value(PROBE_OUTPUT, [CHANNELS, 'tokens'])],
      }),
    }),
  );
}
