import { readRegular, withFileErrors } from '../../platform/files';

/** An image of 100 megapixels in 16 bits without compression has 600 MB; nobody means one larger than this. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** The bytes of an image file that a graph names. @throws WeftError `graph` naming the file and what to do */
export const readImageFile = (file: string): Promise<Buffer> =>
  withFileErrors('graph', () => readRegular(file, MAX_FILE_BYTES));
