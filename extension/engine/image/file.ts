import { WeftError } from '../../protocol/errors';
import { FileProblem, readRegular } from '../../platform/files';

/** An image of 100 megapixels in 16 bits without compression has 600 MB; nobody means one larger than this. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** The bytes of an image file that a graph names. @throws WeftError `graph` naming the file and what to do */
export async function readImageFile(file: string): Promise<Buffer> {
  return readRegular(file, MAX_FILE_BYTES).catch((error: unknown) => {
    throw error instanceof FileProblem ? new WeftError('graph', error.message) : error;
  });
}
