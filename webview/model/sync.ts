import { editText, type GraphEdit } from '../../extension/graph';

/** An edit the host has not dealt with yet. */
export interface PendingEdit {
  seq: number;
  edits: GraphEdit[];
}

/** What the document says, and what this page has changed since. */
export interface Synced {
  text: string;
  version: number;
  pending: readonly PendingEdit[];
}

/** The text as the user sees it: the document's with the pending edits on top. One that no longer fits is passed over. */
export function shownText({ text, pending }: Synced): string {
  let shown = text;
  for (const { edits } of pending) {
    try {
      shown = editText(shown, { kind: 'batch', edits });
    } catch {
      // The document changed under this edit; the host will refuse it too and say so.
    }
  }
  return shown;
}

/** Takes over the document as the host has it now. Without `acknowledged` every edit so far counts as dealt with. */
export function received(synced: Synced, text: string, version: number, acknowledged: number | undefined): Synced {
  const pending = acknowledged === undefined ? [] : synced.pending.filter((edit) => edit.seq > acknowledged);
  return { text, version, pending };
}
