import { describe, expect, it } from 'vitest';
import { Graph, makeValueInfo } from '../../../../extension/engine/onnx/graph';
import { type OnnxModel, readModel } from '../../../../extension/engine/onnx/modelFile';
import { TensorProto_DataType } from '../../../../extension/engine/onnx/proto/onnx_pb';
import { rewriteUnetGraph } from '../../../../extension/engine/onnx/surgery/rewriteUnet';
import { WeftError } from '../../../../extension/protocol/errors';
import { modelPath } from '../../../fixtures/onnx/open';

const FLOAT = TensorProto_DataType.FLOAT;

function refusal(edit: (graph: Graph, model: OnnxModel) => void): string {
  const model = readModel(modelPath('unet_legacy'));
  const graph = new Graph(model.proto);
  edit(graph, model);
  try {
    rewriteUnetGraph(model);
  } catch (error) {
    expect(error).toBeInstanceOf(WeftError);
    expect((error as WeftError).kind).toBe('checkpoint');
    return (error as WeftError).message;
  }
  throw new Error('was not refused');
}

describe('a UNet that can not be rewritten is refused with what was found and what would work', () => {
  it('fixed batch', () => {
    const message = refusal((graph) => {
      graph.proto.input[0] = makeValueInfo('sample', FLOAT, [2, 4, 64, 64]);
    });
    expect(message).toContain('fixed batch of 2');
    expect(message).toContain('dynamic');
  });

  it('inpainting', () => {
    const message = refusal((graph) => {
      graph.proto.input[0] = makeValueInfo('sample', FLOAT, ['b', 9, 64, 64]);
    });
    expect(message).toContain('inpainting');
  });

  it('Stable Diffusion XL', () => {
    const message = refusal((graph) => {
      graph.addInput('text_embeds', FLOAT, ['b', 1280]);
      graph.addInput('time_ids', FLOAT, ['b', 6]);
    });
    expect(message).toContain('Stable Diffusion XL');
    expect(message).toContain('text_embeds');
  });

  it('ControlNet residuals', () => {
    expect(refusal((graph) => graph.addInput('mid_block_additional_residual', FLOAT, ['b', 64, 8, 8]))).toContain(
      'ControlNet',
    );
  });

  it('fused attention', () => {
    const message = refusal((graph) => {
      graph.nodes.find((node) => node.opType === 'Softmax')!.opType = 'MultiHeadAttention';
    });
    expect(message).toContain('fused into MultiHeadAttention');
    expect(message).toContain('without operator fusion');
  });

  it('what was optimised for one provider, and what was quantised', () => {
    const optimised = refusal((graph) => {
      const conv = graph.nodes.find((node) => node.opType === 'Conv')!;
      conv.opType = 'NhwcConv';
      conv.domain = 'com.microsoft';
    });
    expect(optimised).toMatch(/optimised for the kernels of one provider \(NhwcConv\).*before the optimisation/);
    const quantised = refusal((graph) => {
      graph.nodes.find((node) => node.opType === 'MatMul')!.opType = 'MatMulInteger';
    });
    expect(quantised).toMatch(/quantised \(MatMulInteger\).*float32 or float16/);
  });

  it('a latent consistency model', () => {
    expect(refusal((graph) => graph.addInput('timestep_cond', FLOAT, ['b', 256]))).toContain('(LCM)');
  });

  it('image editing by 8 input channels', () => {
    const message = refusal((graph) => {
      graph.proto.input[0] = makeValueInfo('sample', FLOAT, ['b', 8, 64, 64]);
    });
    expect(message).toContain('reads 8 channels and predicts 4');
  });

  it('a graph that ends before the decoder', () => {
    const message = refusal((graph) => {
      const join = graph.nodes.find(
        (node) => node.opType === 'Concat' && node.input.length === 2 && node.output[0]!.includes('up_blocks'),
      )!;
      const middle = join.input.find((name) => name.includes('mid_block'))!;
      graph.addOutput('end', middle, FLOAT, ['b', 4, 8, 8]);
      graph.proto.output = graph.proto.output.filter((value) => value.name === 'end');
      graph.tidy();
    });
    expect(message).toContain('No decoder was found');
  });

  it('attention with a mask', () => {
    const message = refusal((graph) => {
      const softmaxes = graph.nodes.filter(
        (node) => node.opType === 'Softmax' && node.output[0]!.includes('up_blocks'),
      );
      const last = softmaxes.filter((node) => node.output[0]!.includes('attn1')).at(-1)!;
      last.input[0] = graph.add('Add', [last.input[0]!, graph.float([-1], [1])], 'masked');
    });
    expect(message).toContain('mask');
  });

  it('softmax in the decoder that is no attention it knows', () => {
    const message = refusal((graph) => {
      const last = graph.nodes.filter((node) => node.opType === 'Softmax').at(-1)!;
      last.input[0] = graph.add('Tanh', [last.input[0]!], 'odd');
    });
    expect(message).toContain('did not look like attention');
  });

  it('an old operator set', () => {
    const message = refusal((graph) => {
      graph.model.opsetImport[0]!.version = 11n;
    });
    expect(message).toContain('operator set 11');
  });
});
