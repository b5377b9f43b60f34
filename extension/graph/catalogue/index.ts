/** The node catalogue: one file a type of node, gathered here. Canvas, inspector, schema and docs read nothing else. */
import { adain } from './adain';
import { attentionSwap } from './attention-swap';
import { checkpoint } from './checkpoint';
import { compare } from './compare';
import { denoise } from './denoise';
import { evaluate } from './evaluate';
import { freeu } from './freeu';
import { guidance } from './guidance';
import { image } from './image';
import { invert } from './invert';
import { lora } from './lora';
import { maskImage } from './mask-image';
import { prompt } from './prompt';
import { save } from './save';
import { schedule } from './schedule';
import { segment } from './segment';
import { sweep } from './sweep';
import { type MeasureSpec, type NodeSpec } from './types';

const entries = {
  image,
  prompt,
  schedule,
  'mask-image': maskImage,
  checkpoint,
  freeu,
  lora,
  invert,
  segment,
  'attention-swap': attentionSwap,
  adain,
  guidance,
  denoise,
  compare,
  evaluate,
  sweep,
  save,
} satisfies Record<string, NodeSpec>;

export type NodeType = keyof typeof entries;

/** Every type of node, in the order of menus and documentation. */
export const catalogue: Readonly<Record<NodeType, NodeSpec>> = entries;

export const nodeTypes = Object.keys(entries) as NodeType[];

/** Whether the catalogue has this type (own keys only: a file may well say `constructor`). */
export function isNodeType(type: string): type is NodeType {
  return Object.hasOwn(entries, type);
}

/** How a number about a picture is shown, by its name; undefined for names this version does not know. */
export function measureOf(name: string): MeasureSpec | undefined {
  return measures.get(name);
}

/** A number about a picture with its digits and unit. */
export function measureWords(name: string, value: number): string {
  const { digits = 3, unit } = measureOf(name) ?? {};
  return `${value.toFixed(digits)}${unit ? ` ${unit}` : ''}`;
}

const measures = new Map(
  Object.values(catalogue)
    .flatMap((spec) => spec.measures ?? [])
    .map((measure) => [measure.name, measure]),
);

const inversionInputs = Object.values(catalogue)
  .filter(({ outputs }) => outputs.some(({ type }) => type === 'inversion'))
  .flatMap(({ inputs }) => inputs.flatMap(({ types }) => types));

/** Whether inversions are made from what nodes of a type give, or by them: changing such a node costs inversions. */
export function inversionsNeed(type: string): boolean {
  const { category, outputs = [] } = specOf(type) ?? {};
  if (outputs.some((output) => output.type === 'inversion')) return true;
  return (category === 'source' || category === 'model') && outputs.some(({ type }) => inversionInputs.includes(type));
}

/** The entry of a type, undefined for a type this version does not know. */
export function specOf(type: string): NodeSpec | undefined {
  return isNodeType(type) ? catalogue[type] : undefined;
}
