/**
 * The image formats that Weft reads: the one list behind file pickers, drops, the Explorer's menu, sweep patterns and the engine, so that
 * nothing is offered in one place and refused in another. Pure.
 */
const formats = [
  { name: 'PNG', extensions: ['png'] },
  { name: 'JPEG', extensions: ['jpg', 'jpeg'] },
  { name: 'WebP', extensions: ['webp'] },
  { name: 'GIF', extensions: ['gif'] },
  { name: 'TIFF', extensions: ['tif', 'tiff'] },
  { name: 'AVIF', extensions: ['avif'] },
] as const;

/** Without the dot, lower case. */
export const pictureExtensions: readonly string[] = formats.flatMap(({ extensions }) => extensions);

/** "PNG, JPEG, … or AVIF", for sentences. */
export const pictureFormatNames = formats
  .map(({ name }) => name)
  .join(', ')
  .replace(/, ([^,]*)$/, ' or $1');

/** Whether a file is an image that Weft reads, by its name. */
export const isPictureName = (name: string): boolean =>
  pictureExtensions.includes(name.slice(name.lastIndexOf('.') + 1).toLowerCase());
