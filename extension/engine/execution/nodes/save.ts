import * as path from 'node:path';
import { graphError } from '../../../protocol/errors';
import { encodePicture } from '../../image/encode';
import { animate, strip } from '../../image/timeline';
import { type Executor, type RunContext } from '../context';
import { requiredInput } from '../inputs';
import { pictureOf } from '../pictures';
import { drawFrame } from '../previews';
import { longerSide } from '../../../protocol/size';
import { type ImageValue, type TimelineValue } from '../values';

export const save: Executor = async (execution) => {
  const { node, context } = execution;
  const value = requiredInput(execution, 'image', 'image', 'timeline');
  const target = context.outputOf(node.id);
  const extension = path.extname(target).toLowerCase();
  const bytes =
    value.kind === 'image'
      ? await pictureBytes(value, extension, context)
      : await timelineBytes(value, extension, context);
  context.addOutput({ node: node.id, path: target, bytes });
  return { outputs: {}, computed: 'inherit' };
};

async function pictureBytes(image: ImageValue, extension: string, context: RunContext): Promise<Uint8Array> {
  return encodePicture(await pictureOf(image), extension, {
    'weft.graph': context.graphText,
    'weft.run': JSON.stringify({ ...context.provenance(), ...(image.metrics && { metrics: image.metrics }) }),
  });
}

async function timelineBytes(timeline: TimelineValue, extension: string, context: RunContext): Promise<Uint8Array> {
  const { checkpoint } = timeline;
  const frames = [];
  for (const frame of timeline.frames) {
    frames.push(await drawFrame(checkpoint, frame, 'x0', longerSide(checkpoint.size), context.store));
  }
  if (frames.length === 0) throw graphError('The timeline is empty because nothing was denoised.');
  if (extension === '.png') return strip(frames);
  if (extension === '.gif' || extension === '.webp') return animate(frames, extension === '.gif' ? 'gif' : 'webp');
  throw graphError(`A timeline can't be saved as "${extension}". End the path in .webp, .gif or .png.`);
}
