import { type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { GRAPH_SUFFIX } from '../editor/graphFiles';
import { readRegular, writeWhole } from '../../platform/files';

export interface Example {
  /** Of the graph's file, without its suffix, and of its thumbnail. */
  name: string;
  title: string;
  help: string;
}

/** The graphs in examples/, the best to begin with first. */
export const examples: readonly Example[] = [
  { name: 'giraffe-zebra', title: 'Giraffe → zebra', help: 'A giraffe takes the coat of a zebra.' },
  { name: 'cake-berry-cake', title: 'Cake → berry cake', help: 'A cake takes the icing of another.' },
  { name: 'fish-reef-fish', title: 'Fish → reef fish', help: 'A fish takes the stripes of another.' },
  { name: 'tower-cottage', title: 'Tower → cottage', help: 'A tower takes the walls and the roof of a cottage.' },
  { name: 'grid', title: 'Nine pairs', help: 'A sweep over three structures and three appearances, on one sheet.' },
  { name: 'measured-sweep', title: 'Contrast, measured', help: 'Four contrasts with and without AdaIN, with scores.' },
  {
    name: 'ablation',
    title: 'What each part does',
    help: 'The method whole, and without contrast, AdaIN or guidance.',
  },
];

const FOLDER = 'weft-examples';
const MAX_BYTES = 64 * 2 ** 20;

/**
 * A copy of an example that runs: its graph and the images, in `weft-examples` below `parent`. What is there already and says something
 * else, because somebody changed it, stays: the copy then goes to `weft-examples-2`, and so on.
 * @param source folder of the examples that come with Weft
 * @returns the graph's path
 * @throws FileProblem where nothing can be written
 */
export async function copyExample(source: string, name: string, parent: string): Promise<string> {
  const graph = `${name}${GRAPH_SUFFIX}`;
  const images = (await fs.readdir(path.join(source, 'images'))).map((image) => path.join('images', image));
  const files = new Map<string, Buffer>();
  for (const file of [graph, ...images]) files.set(file, await fs.readFile(path.join(source, file)));
  for (let count = 1; ; count++) {
    const folder = path.join(parent, count === 1 ? FOLDER : `${FOLDER}-${count}`);
    const missing = await whatIsMissing(folder, files);
    if (!missing) continue;
    for (const [file, bytes] of missing) await writeWhole(path.join(folder, file), bytes);
    return path.join(folder, graph);
  }
}

/** The files that are not in a folder yet; undefined when it has others of their names. */
async function whatIsMissing(
  folder: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<[string, Buffer][] | undefined> {
  if ((await statOf(folder))?.isDirectory() === false) return undefined;
  const missing: [string, Buffer][] = [];
  for (const [file, bytes] of files) {
    const target = path.join(folder, file);
    if (!(await statOf(target))) missing.push([file, bytes]);
    else if (!(await readRegular(target, MAX_BYTES).catch(() => undefined))?.equals(bytes)) return undefined;
  }
  return missing;
}

/** undefined of what is not there, or can't be reached: writing it then says why. */
const statOf = (file: string): Promise<Stats | undefined> => fs.lstat(file).catch(() => undefined);
