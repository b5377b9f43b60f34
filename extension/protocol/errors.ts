/** What went wrong, in the vocabulary of the command line's exit codes. */
export type ErrorKind = 'graph' | 'checkpoint' | 'network' | 'device' | 'interrupted' | 'internal';

/** Exit code of the command line for each kind of error. */
export const exitCodes: Record<ErrorKind, number> = {
  graph: 2,
  checkpoint: 3,
  network: 1,
  device: 1,
  interrupted: 130,
  internal: 1,
};

/** An error in a shape that crosses process borders. */
export interface ErrorReport {
  kind: ErrorKind;
  /** A sentence: what was wrong and what to do about it. */
  message: string;
  /** The node that failed, when one did. */
  node?: string;
}

/** An error whose message is written for the person at the keyboard. */
export class WeftError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly node?: string,
  ) {
    super(message);
    this.name = 'WeftError';
  }

  /** The same error, said of a node (an error that already names one keeps it). */
  at(node: string): WeftError {
    return new WeftError(this.kind, this.message, this.node ?? node);
  }
}

/** Errors of the two kinds that are most of all. */
export const graphError = (message: string, node?: string): WeftError => new WeftError('graph', message, node);
export const checkpointError = (message: string): WeftError => new WeftError('checkpoint', message);

/** For `catch`: throws the error on, said of a node where it is a {@link WeftError}. */
export const rethrowAt =
  (node: string) =>
  (error: unknown): never => {
    throw error instanceof WeftError ? error.at(node) : error;
  };

/** Any thrown value as an {@link ErrorReport}. */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof WeftError) return { kind: error.kind, message: error.message, node: error.node };
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error) };
}
