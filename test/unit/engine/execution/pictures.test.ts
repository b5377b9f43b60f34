import sharp from 'sharp';
import { expect, it } from 'vitest';
import { createHash } from 'node:crypto';
import { pictureAt } from '../../../../extension/engine/execution/pictures';
import { type ImageValue } from '../../../../extension/engine/execution/values';

async function picture(colour: string): Promise<ImageValue> {
  const create = { width: 12, height: 8, channels: 3, background: colour } as const;
  const bytes = await sharp({ create }).png().toBuffer();
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { kind: 'image', from: 'file', file: '/pictures/a.png', bytes, digest };
}

it('a file is decoded once a size, and again when it has changed', async () => {
  const [red, blue] = [await picture('#ff0000'), await picture('#0000ff')];
  const small = { width: 4, height: 4 };
  const first = await pictureAt(red, small);
  expect([...first.subarray(0, 3)]).toEqual([255, 0, 0]);
  expect(await pictureAt(red, small)).toBe(first);
  expect(await pictureAt(red, { width: 8, height: 8 })).toHaveLength(8 * 8 * 3);
  // The same file with other bytes.
  expect([...(await pictureAt(blue, small)).subarray(0, 3)]).toEqual([0, 0, 255]);
  expect(await pictureAt(red, small)).toBe(first);
});
