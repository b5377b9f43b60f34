/**
 * The graph file as zod schemas: the single source of the document's types and of the published JSON Schema.
 * Objects are loose throughout, because fields that a later version or another program added must survive.
 */
import { z } from 'zod';

// The webview's content security policy forbids eval; without this, zod would probe for it and be reported.
z.config({ jitless: true });

/** Version of the file format that this program writes. */
export const CURRENT_VERSION = 1;

/** What an id looks like: a name people read. */
export const NODE_ID = /^[a-z][a-z0-9-]*$/;

/** `"node.port"`, or at a list port an array of them. */
export const wireSchema = z
  .union([z.string(), z.array(z.string())])
  .describe('Where the input comes from: "node.port", or an array of them for a list port.');

export const graphNodeSchema = z.looseObject({
  type: z.string().describe('The kind of node.'),
  muted: z.boolean().optional().describe('Written only when true: the node is skipped.'),
  inputs: z.record(z.string(), wireSchema).optional().describe('Wires into this node, by the name of its port.'),
  params: z.record(z.string(), z.unknown()).optional().describe('Parameters that differ from their defaults.'),
  folded: z.boolean().optional().describe('Written only when true: the studio shows only the title of the node.'),
});

/** `[x, y]` of a node's top left corner or of a reroute point on the canvas, in pixels. */
export const positionSchema = z.tuple([z.number(), z.number()]);

/** `[x, y, width, height]` on the canvas, in pixels. */
export const rectSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]);

/** What a frame can be coloured: names, which a theme turns into colours. */
export const FRAME_COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'purple'] as const;
export type FrameColour = (typeof FRAME_COLOURS)[number];

export const frameSchema = z.looseObject({
  text: z.string().describe('The text of the frame.'),
  rect: rectSchema.describe('[x, y, width, height] in pixels.'),
  folded: z
    .array(z.string())
    .optional()
    .describe('Ids of nodes: the studio shows them as one box with the text of the frame.'),
  colour: z.enum(FRAME_COLOURS).optional().describe('The colour of the frame. Default: grey.'),
});

export const graphDocumentSchema = z.looseObject({
  weft: z.int().min(1).describe('Version of the file format.'),
  nodes: z.record(z.string(), graphNodeSchema).describe('The nodes, by id.'),
  frames: z.record(z.string(), frameSchema).optional().describe('Comment frames, by id.'),
  layout: z
    .record(z.string(), positionSchema)
    .optional()
    .describe(
      '[x, y] in pixels of each node, by its id, and of each reroute point of a wire, by "node.port>node.port"; of its second point with "#2" behind that.',
    ),
});

export type GraphNode = z.infer<typeof graphNodeSchema>;
export type GraphDocument = z.infer<typeof graphDocumentSchema>;
export type Position = z.infer<typeof positionSchema>;
export type Rect = z.infer<typeof rectSchema>;

/** One end of a wire. */
export interface Source {
  node: string;
  port: string;
}

/** Reads `"node.port"`; undefined when the text has no port or no node. */
export function parseWire(wire: string): Source | undefined {
  const dot = wire.lastIndexOf('.');
  if (dot <= 0 || dot === wire.length - 1) return undefined;
  return { node: wire.slice(0, dot), port: wire.slice(dot + 1) };
}

/** The texts of the wires at one input, which holds one or an array of them. */
export function wiresOf(input: string | string[] | undefined): string[] {
  if (input === undefined) return [];
  return Array.isArray(input) ? input : [input];
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
