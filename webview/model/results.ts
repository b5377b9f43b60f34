import { type EarlierPicture, type NodePictureState, type StudioState } from './store';

type Pictures = Pick<StudioState, 'nodePictures' | 'earlier'>;

/** A node has made a picture; the one that it had becomes the earlier one. The same picture anew changes nothing to look at. */
export function withResult(
  { nodePictures, earlier }: Pictures,
  node: string,
  picture: Omit<NodePictureState, 'url'>,
  urls: Pick<typeof URL, 'createObjectURL' | 'revokeObjectURL'> = URL,
): Pictures {
  const before = nodePictures[node];
  if (before && sameBytes(before.png, picture.png) && before.draft === picture.draft)
    return { earlier, nodePictures: { ...nodePictures, [node]: { ...picture, png: before.png, url: before.url } } };
  const url = urls.createObjectURL(new Blob([new Uint8Array(picture.png)], { type: 'image/png' }));
  const pictures = { ...nodePictures, [node]: { ...picture, url } };
  if (!before) return { earlier, nodePictures: pictures };
  const old = earlier[node];
  if (old?.kept) {
    urls.revokeObjectURL(before.url);
    return { earlier, nodePictures: pictures };
  }
  if (old) urls.revokeObjectURL(old.url);
  const { png, draft } = before;
  return { nodePictures: pictures, earlier: { ...earlier, [node]: { url: before.url, png, ...(draft && { draft }) } } };
}

/** A picture from elsewhere takes the earlier one's place, and keeps it. */
export function withKept(
  { earlier }: Pick<Pictures, 'earlier'>,
  node: string,
  picture: Omit<EarlierPicture, 'url' | 'kept'>,
  urls: Pick<typeof URL, 'createObjectURL' | 'revokeObjectURL'> = URL,
): Pick<Pictures, 'earlier'> {
  const before = earlier[node];
  if (before) urls.revokeObjectURL(before.url);
  const url = urls.createObjectURL(new Blob([new Uint8Array(picture.png)]));
  return { earlier: { ...earlier, [node]: { ...picture, url, kept: true } } };
}

/** What the earlier picture and the present one are called. */
export function resultNames(
  earlier: Pick<EarlierPicture, 'draft' | 'title'>,
  now: Pick<NodePictureState, 'draft'> | undefined,
): [earlier: string, now: string] {
  const kind = (draft: true | undefined) => (draft ? 'Draft' : 'Final');
  if (earlier.title !== undefined) return [earlier.title, 'Now'];
  if (now && earlier.draft !== now.draft) return [kind(earlier.draft), kind(now.draft)];
  return ['Before', 'Now'];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
