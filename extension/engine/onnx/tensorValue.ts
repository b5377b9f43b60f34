/** The numbers of small tensors that lie in a graph. */
import { bfloat16, float16 } from '../halfFloats';
import { referenceOf } from './modelFile';
import { type TensorProto, TensorProto_DataType } from './proto/onnx_pb';

/** Small tensor values, unknown entries undefined. */
export interface Value {
  dims: number[];
  data: (number | undefined)[];
}

export const VALUE_LIMIT = 64;

/** Values of a small tensor that lies in the graph. */
export function tensorValue(tensor: TensorProto): Value | undefined {
  const dims = tensor.dims.map(Number);
  const count = dims.reduce((a, b) => a * b, 1);
  if (count > VALUE_LIMIT || referenceOf(tensor) !== undefined) return undefined;
  let data: number[];
  const raw = tensor.rawData;
  if (raw.length > 0) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const size = raw.length / count;
    const at = (i: number): number => {
      switch (tensor.dataType) {
        case TensorProto_DataType.FLOAT:
          return view.getFloat32(i * 4, true);
        case TensorProto_DataType.DOUBLE:
          return view.getFloat64(i * 8, true);
        case TensorProto_DataType.INT64:
          return Number(view.getBigInt64(i * 8, true));
        case TensorProto_DataType.INT32:
          return view.getInt32(i * 4, true);
        case TensorProto_DataType.FLOAT16:
          return float16(view.getUint16(i * 2, true));
        case TensorProto_DataType.BFLOAT16:
          return bfloat16(view.getUint16(i * 2, true));
        default:
          return size === 1 ? view.getUint8(i) : NaN;
      }
    };
    try {
      data = Array.from({ length: count }, (_, i) => at(i));
    } catch {
      return undefined;
    }
  } else if (tensor.floatData.length > 0) data = [...tensor.floatData];
  else if (tensor.int64Data.length > 0) data = tensor.int64Data.map(Number);
  else if (tensor.doubleData.length > 0) data = [...tensor.doubleData];
  else if (tensor.int32Data.length > 0)
    data = tensor.int32Data.map((v) => (tensor.dataType === TensorProto_DataType.FLOAT16 ? float16(v) : v));
  else data = [];
  if (data.length !== count) return undefined;
  return { dims, data };
}
