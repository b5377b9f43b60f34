import * as vscode from 'vscode';
import { ask } from '../window';
import { type Run } from './runQueue';

const DOWNLOAD = 'Download a Photo Model (2.1 GB)';
const EXAMPLE = 'Use an Example Pair';
const ANYWAY = 'Try Anyway';

/** Graphs whose images may be what they are, until the window closes. */
const accepted = new Set<string>();

/** Whether a run of this graph is to end before an image that its checkpoint does not know. */
export const refuseUnfit = (graph: string): boolean => !accepted.has(graph);

/**
 * After a run that ended for such an image, asks what to do about it.
 * @returns whether the run is to be started again, and now goes through
 */
export async function tryAnyway({ record, key }: Run): Promise<boolean> {
  if (!record.unfit || record.state.state !== 'failed') return false;
  const answer = await ask.warning(
    { message: record.state.message ?? '', detail: 'Nothing was computed yet.' },
    DOWNLOAD,
    EXAMPLE,
    ANYWAY,
  );
  if (answer === DOWNLOAD) void vscode.commands.executeCommand('weft.downloadCheckpoint');
  if (answer === EXAMPLE) void vscode.commands.executeCommand('weft.openExample');
  if (answer === ANYWAY) accepted.add(key);
  return answer === ANYWAY;
}
