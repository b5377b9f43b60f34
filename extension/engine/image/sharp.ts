/** sharp is native code beside the bundle: it is loaded when a picture is first touched, not when the engine starts. */
import type sharpModule from 'sharp';
import { WeftError } from '../../protocol/errors';

export type Sharp = typeof sharpModule;

let loading: Promise<Sharp> | undefined;

/** Throws an internal error that says what is missing when the native library can't be loaded. */
export function loadSharp(): Promise<Sharp> {
  loading ??= import('sharp').then(
    (module) => module.default,
    (error: unknown) => {
      loading = undefined;
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      throw new WeftError(
        'internal',
        `The picture library "sharp" can't be loaded on ${process.platform}-${process.arch} (${reason}). Install Weft again for this platform.`,
      );
    },
  );
  return loading;
}
