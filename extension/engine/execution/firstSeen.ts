import { type ContentStore, keyOf } from '../cache/store';

/** Whether a source's content is new to the store: sources compute nothing, but a person wants to know what changed. */
export async function firstSeen(store: ContentStore, type: string, content: unknown): Promise<boolean> {
  const key = keyOf('seen', 1, [type, content]);
  if (await store.has(key)) return false;
  store.put(key, {});
  return true;
}
