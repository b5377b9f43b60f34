/** What all may ask of the node catalogue. Canvas, inspector, schema and docs read nothing else. */
import { entries } from './entries';
import { type MeasureSpec, type NodeSpec } from './types';

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
