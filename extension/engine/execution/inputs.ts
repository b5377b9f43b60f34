import { graphError } from '../../protocol/errors';
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
      throw graphError(`${node.id}.${port} wants ${kinds.join(' or ')}, but got ${value.kind}.`, node.id);
    }
    return value as ValueOf<Kind>;
  });
}

/** The values of a list port at their places in the list as it is wired: a muted node's place is empty. */
export function placedInputs<Kind extends Value['kind']>(
  execution: Execution,
  port: string,
  ...kinds: Kind[]
): (ValueOf<Kind> | undefined)[] {
  const places = execution.node.places[port];
  const placed: (ValueOf<Kind> | undefined)[] = [];
  for (const [index, value] of inputsOf(execution, port, ...kinds).entries()) placed[places?.[index] ?? index] = value;
  return Array.from(placed);
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
  if (!value) throw graphError(`${execution.node.id}.${port} is not wired.`, execution.node.id);
  return value;
}
