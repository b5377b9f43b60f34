import { type InspectMethod, type InspectRequests } from '../../extension/protocol/inspect';
import { type HostToStudio } from '../../extension/protocol/studio';
import { postToHost } from './host';

interface Waiting {
  resolve: (answer: never) => void;
  reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let count = 0;

/** Asks the engine about attention. An answer that is refused rejects with a sentence to show. */
export function ask<M extends InspectMethod>(
  method: M,
  params: InspectRequests[M]['params'],
): Promise<InspectRequests[M]['result']> {
  const id = ++count;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    postToHost({ type: 'inspect', id, method, params });
  });
}

export function onInspected({ id, answer, error }: Extract<HostToStudio, { type: 'inspected' }>): void {
  const asked = waiting.get(id);
  waiting.delete(id);
  if (error !== undefined) asked?.reject(new Error(error));
  else asked?.resolve(answer as never);
}
