import { clip, listed } from '../problems';
import { type Checking, type NodeSpec, type NodeView } from './types';

/** Endings of files by what is saved. */
export const saveFormats: Record<'image' | 'timeline', readonly string[]> = {
  image: ['png', 'jpg', 'jpeg', 'webp'],
  timeline: ['webp', 'gif', 'png'],
};

/** The format that the file's ending names, against what is to be saved. */
function check(node: NodeView, { report }: Checking): void {
  const type = node.brings('image');
  const { path } = node.params;
  if (node.muted || typeof path !== 'string' || (type !== 'image' && type !== 'timeline')) return;
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const fits = saveFormats[type];
  // Other endings are no value of the parameter.
  if (fits.includes(ending) || !Object.values(saveFormats).flat().includes(ending)) return;
  const message = (): string => {
    const endings = fits.map((each) => `.${each}`);
    return `${clip(node.id)} saves ${type === 'image' ? 'an image' : 'a timeline'}, which can't be written as .${ending}. End the path in ${listed(endings, 'or')}.`;
  };
  report({ code: 'wrong-format', message, param: 'path' });
}

export const save: NodeSpec = {
  type: 'save',
  title: 'Save',
  category: 'output',
  help: 'Saves an image or a timeline below the output folder.',
  inputs: [{ name: 'image', label: 'Image', help: 'The image or timeline to save.', types: ['image', 'timeline'] }],
  outputs: [],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'Path below the output folder, with forward slashes. Images: .png, .jpg or .webp. Timelines: .webp or .gif (animated), or .png (a strip).',
      default: 'result.png',
      filter: { label: 'Images', extensions: ['png', 'jpg', 'jpeg', 'webp', 'gif'] },
      access: 'write',
    },
  ],
  mute: 'skip',
  check,
  keyParams: ['path'],
};
