/**
 * Questions about a run's cross-image attention: which places of the appearance a place of the output looked at, and the other
 * way round. Places are in 0 … 1 of a picture's width and height; maps are grids of tokens, row by row from the top.
 */
import { z } from 'zod';
import { type Pin } from '../graph';
import { type Size } from './size';

export const swapLevelSchema = z.enum(['high', 'low']);
export type InspectLevel = z.infer<typeof swapLevelSchema>;

/** Whose keys and values the output's attention met: the appearance's, or (structure injection) the structure's own. */
export type InspectSource = 'appearance' | 'structure';

const runNode = { runId: z.string(), node: z.string() };
const place = z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]);

/** Which attention is looked at. */
export const attentionSchema = z.object({
  ...runNode,
  /** Loop step, from 0 (people count from 1, as the timeline does). */
  step: z.number().int().min(0),
  level: swapLevelSchema,
  /** One layer of the level, by its index; absent: the mean of all of them. */
  layer: z.number().int().min(0).optional(),
  /** One head; absent: the mean of all of them. */
  head: z.number().int().min(0).optional(),
  /** Which appearance, where there are several. */
  look: z.number().int().min(0).default(0),
  /** The softmax itself, without the contrast that the run applied to it. */
  raw: z.boolean().default(false),
});

export const inspectOpenSchema = z.object(runNode);
export const inspectPictureSchema = z.object({
  ...runNode,
  picture: z.union([z.literal('structure'), z.number().int().min(0)]),
});
export const inspectMapSchema = attentionSchema.extend({
  /** `output`: where do these places of the output look; `source`: which places of the output look at these. */
  from: z.enum(['output', 'source']),
  points: z.array(place).min(1).max(4096),
  /** Only the strongest place of each, not the maps: for arrows. */
  peaksOnly: z.boolean().default(false),
});
export const inspectDrawSchema = attentionSchema.extend({
  /** `heat`: the map of one point over the picture it is about; `correspondence`: every place of the output in the colour of its source. */
  what: z.enum(['heat', 'correspondence']),
  from: z.enum(['output', 'source']).default('output'),
  point: place.optional(),
  /** The longer side of the picture in pixels, at least. */
  size: z.number().int().min(16).max(4096).default(512),
});

export const inspectPartsSchema = z.object({
  ...runNode,
  /** Into how many parts each image is divided. */
  clusters: z.number().int().min(2).max(20).default(5),
});

/** Which image of {@link InspectParts.appearances}, and the longer side of each picture in pixels, at least. */
export const inspectDrawPartsSchema = inspectPartsSchema.extend({
  image: z.number().int().min(0).default(0),
  size: z.number().int().min(16).max(4096).default(512),
});

export type AttentionRequest = z.input<typeof attentionSchema>;
export type InspectMapRequest = z.input<typeof inspectMapSchema>;
export type InspectDrawRequest = z.input<typeof inspectDrawSchema>;

export interface InspectStep {
  timestep: number;
  /** Whose keys and values each resolution met; absent where the swap was off. */
  high?: InspectSource;
  low?: InspectSource;
}

/** What can be asked about a denoise node of a run. */
export interface InspectInfo {
  runId: string;
  node: string;
  steps: InspectStep[];
  /** β of the contrast that the run applied to the swapped attention; 1 is none. */
  contrast: number;
  /** Resolutions that are swapped with their tokens, the highest first. */
  levels: { level: InspectLevel; grid: Size; layers: { index: number; heads: number }[] }[];
  /** Nodes whose inversions the two pictures are. */
  structure: string;
  appearances: string[];
  /** Which wire of the swap each appearance is, from 1: those that give nothing are left out. */
  numbers: number[];
  /** The pins that acted in the run. */
  pins: Pin[];
  /** Pixels of both pictures as the model sees them, and of the result. */
  size: Size;
}

/** A strongest place, and the attention there. */
export interface InspectPeak {
  /** Centre of the token, 0 … 1. */
  x: number;
  y: number;
  /** Share of the attention, 0 … 1. */
  weight: number;
}

export interface InspectMap {
  grid: Size;
  /** What the output's attention met at this step. */
  source: InspectSource;
  /** One map a point, float32 little-endian, a number a token each; empty with `peaksOnly`. */
  weights: Uint8Array;
  peaks: InspectPeak[];
  /** Milliseconds in the engine. */
  ms: number;
}

export interface InspectCorrespondence {
  grid: Size;
  source: InspectSource;
  /** For each token of the output the token of the source it looks at most, uint16 little-endian. */
  targets: Uint8Array;
  /** The attention there, float32 little-endian. */
  weights: Uint8Array;
  ms: number;
}

/** The parts of the structure and of each appearance: clusters of their self-segmentation. */
export interface InspectParts {
  /** The latents' width and height. */
  grid: Size;
  /** The part of each cell of the structure. */
  structure: Uint8Array;
  /** Each image once, though it be wired several times. */
  appearances: {
    node: string;
    /** Its number for `inspect.picture`. */
    look: number;
    labels: Uint8Array;
    /** For each part of the structure how much of its look came from each part of this image. */
    mass: number[][];
  }[];
  /** The parts of the structure that the run let look at one part of an appearance only. */
  regions: { structure: number; node: string; part: number }[];
}

/** Requests of the engine about attention, with their parameters and answers. */
export interface InspectRequests {
  /** What there is to ask; an error when the run is no longer in memory. */
  'inspect.open': { params: z.input<typeof inspectOpenSchema>; result: InspectInfo };
  /** An appearance (by its number) or the structure as the model saw it. */
  'inspect.picture': { params: z.input<typeof inspectPictureSchema>; result: { png: Uint8Array } };
  'inspect.map': { params: InspectMapRequest; result: InspectMap };
  'inspect.correspondence': { params: AttentionRequest; result: InspectCorrespondence };
  'inspect.parts': { params: z.input<typeof inspectPartsSchema>; result: InspectParts };
  /** The structure and an appearance side by side, with their parts. */
  'inspect.drawParts': { params: z.input<typeof inspectDrawPartsSchema>; result: { png: Uint8Array } };
  /** A map or the correspondence as a picture, with the circles of the pins that acted. */
  'inspect.draw': {
    params: InspectDrawRequest;
    result: { png: Uint8Array; peak?: InspectPeak; source: InspectSource };
  };
}
export type InspectMethod = keyof InspectRequests;

/** The floats of {@link InspectMap.weights}. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

/** The token numbers of {@link InspectCorrespondence.targets}. */
export function tokensOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer);
}
