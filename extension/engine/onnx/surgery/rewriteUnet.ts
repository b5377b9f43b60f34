/**
 * Graph surgery: an ordinary UNet export becomes one whose self-attention can be swapped, contrasted, probed and fanned out, with
 * every switch an input. Attention and decoder are found by structure; see UnetInterface for the result's contract.
 */
import { floatBorders, redeclare } from '../borders';
import { declaredOf, Graph } from '../graph';
import { type OnnxModel } from '../modelFile';
import { Inference } from '../shapeInference';
import { type UnetInterface } from '../types';
import { accurateWaves } from './accurateWaves';
import { fanOut } from './fanOut';
import { dropOutputCopies, foldShapes } from './foldShapes';
import { insertFreeu } from './freeu';
import { planUnet, type UnetPlan } from './plan';
import { refuseOthers } from './refusals';
import { findRoles } from './roles';
import { fuseOthers, publishCrossProbe, swapLayers } from './swapAttention';
import { vectorTimestep } from './vectorTimestep';

/** To be raised when rewritten graphs change in how they are called: prepared checkpoints are made anew. */
export const SURGERY_VERSION = 5;
/** To be raised, with the other, when they change in what they compute: what they computed before is computed anew. */
export const NUMBERS_VERSION = 4;

const tidy = (graph: Graph): void => graph.tidy();

/** What is done to a plain export, in this order. Each edits the graph in place, by a plan that was made before the first. */
const PASSES: ((graph: Graph, plan: UnetPlan) => void)[] = [
  fanOut,
  insertFreeu,
  swapLayers,
  publishCrossProbe,
  fuseOthers,
  declareBorders,
  accurateWaves,
  tidy,
  foldShapes,
  dropOutputCopies,
  tidy,
];

/** Rewrites the graph of a UNet in place. */
export function rewriteUnetGraph(model: OnnxModel): UnetInterface {
  const graph = new Graph(model.proto);
  const { sample, output } = findRoles(graph);
  refuseOthers(graph, sample, output);
  floatBorders(graph);
  const known = new Inference(graph);
  const roles = findRoles(graph);
  vectorTimestep(graph, known, roles.timestep);
  const plan = planUnet(graph, known, roles);
  for (const pass of PASSES) pass(graph, plan);
  return plan.unet;
}

/** Declares the batches of the two halves, and drops the outputs that Weft never reads. */
function declareBorders(graph: Graph, { roles, unet }: UnetPlan): void {
  const { sample, context, output } = roles;
  const sides = [2, 3].map((axis, i) => {
    const dim = declaredOf(sample).dims?.[axis];
    return typeof dim === 'number' ? dim : ['height', 'width'][i];
  });
  redeclare(graph.proto.input, sample.name, ['batch', unet.latentChannels, ...sides]);
  redeclare(graph.proto.input, context.name, ['batch', unet.contextLength ?? 'context', unet.contextWidth]);
  redeclare(graph.proto.output, output.name, ['rows', unet.latentChannels, ...sides]);
  graph.proto.output = graph.proto.output.filter((value, i) => i === 0 || value.name.startsWith('weft_'));
}
