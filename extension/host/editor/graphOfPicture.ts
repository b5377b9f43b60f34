import type * as vscode from 'vscode';
import { readPngTexts } from '../../platform/pngText';
import { readUri } from '../hostFiles';

/** Far above any picture of ours; a file of gigabytes is not read into memory. */
const MAX_PICTURE_BYTES = 256 * 1024 * 1024;

/** The graph that a picture made by Weft carries; undefined when it carries none. @throws WeftError when the file can't be read */
export async function graphTextOf(picture: vscode.Uri): Promise<string | undefined> {
  return readPngTexts(await readUri(picture, MAX_PICTURE_BYTES)).get('weft.graph');
}
