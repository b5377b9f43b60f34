import { WeftError } from '../../protocol/errors';
import { type Value } from './values';
import { type Execution } from './context';

type ValueOf<Kind extends Value['kind']> = Extract<Value, { kind: Kind }>;

/** All values of an input port; validation has made sure of their kinds, this makes the compiler sure. */
export function inputsOf<Kind extends Value['kind']>(
  { node, inputs }: Execution,
  port: string,
  ...kinds: Kind[]
): ValueOf<Kind>[] {
  return (inputs[port] ?? []).map((value) => {
    if (!(kinds as string[]).includes(value.kind)) {
      throw new WeftError('graph', `${node.id}.${port} wants ${kinds.join(' or ')}, but got ${value.kind}.`, node.id);
    }
    return value as ValueOf<Kind>;
  });
}

export function optionalInput<Kind extends Value['kind']>(
  execution: Execution,
  port: string,
  ...kinds: Kind[]
): ValueOf<Kind> | undefined {
  return inputsOf(execution, port, ...kinds)[0];
}

export function requiredInput<Kind extends Value['kind']>(
  execution: Execution,
  port: string,
  ...kinds: Kind[]
): ValueOf<Kind> {
  const value = optionalInput(execution, port, ...kinds);
  if (!value) throw new WeftError('graph', `${execution.node.id}.${port} is not wired.`, execution.node.id);
  return value;
}
