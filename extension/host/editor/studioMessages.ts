import { z } from 'zod';
import { studioSchemas, type StudioToHost } from '../../protocol/studio';

type Kind = StudioToHost['type'];

/** One function a message; the compiler asks for each. */
export type StudioHandlers = { [K in Kind]: (message: Extract<StudioToHost, { type: K }>) => unknown };

/** The message, if it is one; a sentence for the log otherwise. */
export function parseStudioMessage(value: unknown): { message: StudioToHost } | { problem: string } {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(studioSchemas, type)) return { problem: 'It is of no known type.' };
  const parsed = studioSchemas[type as Kind].safeParse(value);
  return parsed.success ? { message: parsed.data } : { problem: `${type}: ${z.prettifyError(parsed.error)}` };
}

/** Calls the handler of the message's kind, which gets the message with its own type. */
export function dispatch(message: StudioToHost, handlers: StudioHandlers): unknown {
  const handler = handlers[message.type] as (message: StudioToHost) => unknown;
  return handler(message);
}
