/** Edits as they come from another process: the shape of each, for whoever must not take it on faith. */
import { z } from 'zod';
import { type GraphEdit } from './edit';
import { FRAME_COLOURS, positionSchema, rectSchema, wireSchema } from './schema';

type PlainEdit = Exclude<GraphEdit, { kind: 'batch' }>;

/** Far above any graph. */
const MANY = 100_000;
const id = z.string();
const ids = z.array(z.string()).max(MANY);
const source = z.object({ node: id, port: z.string() });
const nth = z.int().min(0).optional();
const values = z.record(z.string(), z.json().optional());
const positions = z.record(z.string(), positionSchema);

const { addNode, ...others } = {
  addNode: z.object({
    kind: z.literal('addNode'),
    type: z.string(),
    id: id.optional(),
    params: values.optional(),
    inputs: z.record(z.string(), wireSchema).optional(),
    position: positionSchema.optional(),
  }),
  removeNodes: z.object({ kind: z.literal('removeNodes'), ids }),
  renameNode: z.object({ kind: z.literal('renameNode'), id, to: z.string() }),
  setParam: z.object({
    kind: z.literal('setParam'),
    id,
    param: z.string(),
    value: z.json().optional(),
    overrides: values.optional(),
    keepDefault: z.boolean().optional(),
  }),
  setMuted: z.object({ kind: z.literal('setMuted'), ids, muted: z.boolean() }),
  setFolded: z.object({ kind: z.literal('setFolded'), ids, folded: z.boolean() }),
  connect: z.object({
    kind: z.literal('connect'),
    from: source,
    to: source,
    replaces: source.optional(),
    nth,
    at: nth,
  }),
  disconnect: z.object({ kind: z.literal('disconnect'), to: source, from: source.optional(), nth }),
  routeWire: z.object({
    kind: z.literal('routeWire'),
    from: source,
    to: source,
    points: z.array(positionSchema).max(MANY),
  }),
  moveNodes: z.object({
    kind: z.literal('moveNodes'),
    positions,
    frames: z.record(z.string(), rectSchema).optional(),
  }),
  addFrame: z.object({ kind: z.literal('addFrame'), id: id.optional(), text: z.string(), rect: rectSchema }),
  updateFrame: z.object({
    kind: z.literal('updateFrame'),
    id,
    text: z.string().optional(),
    rect: rectSchema.optional(),
    colour: z.enum(FRAME_COLOURS).nullable().optional(),
    folded: ids.nullable().optional(),
  }),
  removeFrame: z.object({ kind: z.literal('removeFrame'), id }),
  pasteFragment: z.object({ kind: z.literal('pasteFragment'), fragment: z.string(), at: positionSchema.optional() }),
  duplicate: z.object({ kind: z.literal('duplicate'), ids, frames: ids.optional(), offset: positionSchema.optional() }),
} satisfies { [K in PlainEdit['kind']]: z.ZodType<Omit<Extract<PlainEdit, { kind: K }>, 'value'>> };

/** The edits of one change, in their order. Several of them are a batch already: a batch in a list has no use. */
export const graphEditsSchema = z
  .array(z.discriminatedUnion('kind', [addNode, ...Object.values(others)]))
  .max(MANY)
  // `value` may be absent, which is how "undefined" travels.
  .transform((list) => list as GraphEdit[]);
