import { type GraphEdit } from '../../../extension/graph';
import { FieldCoalescer } from '../coalesce';
import { edit } from '../document';
import { type GraphFlowNode } from '../flow';
import { studio, useStudio } from '../store';

const fields = new FieldCoalescer<{ id: string; param: string; value: unknown }>(
  (_field, { id, param, value }) => edit([paramEdit(id, param, value)], `Set ${id}.${param}`),
  (held) => useStudio.setState({ sliding: held }),
);

/** Called for each keystroke of a field; see FieldCoalescer. */
export function inputParam(id: string, param: string, value: unknown, holdFirst = false): void {
  fields.input(`${id}.${param}`, { id, param, value }, holdFirst);
}

/** The same for a field that takes what was typed when it is left, unless {@link dropParams} came first. */
export function keepParam(id: string, param: string, value: unknown): void {
  fields.keep(`${id}.${param}`, { id, param, value });
}

/** Forgets what was typed and is not sent. */
export function dropParams(): void {
  fields.drop();
}

/** Sends what was typed last; before a save or a run, and when a field loses the focus. */
export function flushParams(): void {
  fields.flush();
}

/** Several parameters of a node in one step of undo. */
export function setParams(id: string, values: Readonly<Record<string, unknown>>, label: string): void {
  fields.flush();
  edit(
    Object.entries(values).map(([param, value]) => paramEdit(id, param, value)),
    label,
  );
}

export function resetParam(id: string, param: string): void {
  fields.drop();
  edit([{ kind: 'setParam', id, param, value: undefined }], `Reset ${id}.${param}`);
}

/** With what the checkpoint says of the node's defaults, which need not be written. */
export function paramEdit(id: string, param: string, value: unknown): GraphEdit {
  const node = studio().nodes.find((other): other is GraphFlowNode => other.id === id && other.type === 'weft');
  const overrides = node?.data.checkpoint?.defaults[node.data.node.type];
  return { kind: 'setParam', id, param, value, ...(overrides ? { overrides } : {}) };
}
