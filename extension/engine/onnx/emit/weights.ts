/** What the emitter needs to know of weights: where each lies, by the name that diffusers or transformers gives it. */
import { WeftError } from '../../../protocol/errors';
import { TensorProto_DataType } from '../proto/onnx_pb';

export interface Weight {
  dtype: string;
  shape: number[];
  /** Absolute path of the file that has its numbers, little-endian in row order. */
  file: string;
  offset: number;
  length: number;
}

/** The weights of one part of a checkpoint. */
export interface WeightSource {
  /** What messages call the part: "UNet". */
  part: string;
  /** What messages call the file. */
  file: string;
  /** By diffusers' name, without the part's prefix. */
  find(name: string): Weight | undefined;
  /** What the file would call it, for messages. */
  spelt(name: string): string;
}

const TYPES: Record<string, number> = {
  F64: TensorProto_DataType.DOUBLE,
  F32: TensorProto_DataType.FLOAT,
  F16: TensorProto_DataType.FLOAT16,
  BF16: TensorProto_DataType.BFLOAT16,
};

/** What .safetensors files call a type; undefined for one that is no plain floating point. */
export const dtypeOf = (type: number): string | undefined => Object.keys(TYPES).find((dtype) => TYPES[dtype] === type);

const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

/** @throws WeftError `checkpoint` naming the tensor and its part. */
export function requireWeight(source: WeightSource, name: string): Weight {
  const weight = source.find(name);
  if (weight === undefined)
    throw refuse(
      `${source.file} is incomplete: the tensor ${source.spelt(name)} of its ${source.part} is missing. Download the file again, or use the ` +
        'model it was made from.',
    );
  return weight;
}

/** ONNX type of a weight. @throws WeftError `checkpoint` for a type that is no plain floating point. */
export function weightType(source: WeightSource, name: string, { dtype }: Weight): number {
  const type = TYPES[dtype];
  if (type === undefined)
    throw refuse(
      `${source.file} is ${dtype.startsWith('F8') ? 'an FP8' : 'a quantised'} model (${source.spelt(name)} of its ${source.part} is ${dtype}), which Weft ` +
        'does not run. Get the same model in float16, bfloat16 or float32.',
    );
  return type;
}

/** The sides of a weight's shape that are not 1: a linear layer is stored as [out, in] or as a convolution [out, in, 1, 1]. */
export const essential = (shape: number[]): number[] => shape.filter((side) => side !== 1);
