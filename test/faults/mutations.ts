/** Graphs, pictures and models that are not what they should be: a result, or one sentence. */
import fs from 'node:fs';
import path from 'node:path';
import { type ErrorKind } from '../../extension/protocol/errors';
import { root } from '../support/mini';
import { complaintAboutText, type FaultKind } from './fault';
import { mutateBytes, mutateJson } from './mutate';
import { type Ended, makeProject, RUN, weft } from './program';

/** Nothing, where a command ended well or in a clean sentence of an allowed kind. */
function complaint({ status, stdout, stderr }: Ended, allowed: readonly ErrorKind[]): string | undefined {
  return status === 0 ? undefined : complaintAboutText(`${stdout}\n${stderr}`.trim(), status, allowed);
}

export const graphs: FaultKind = {
  name: 'graphs',
  async *trials(random, folder) {
    const home = path.join(folder, 'home');
    const project = path.join(folder, 'project');
    makeProject(project);
    const text = fs.readFileSync(path.join(project, 'short.weft.json'), 'utf8');
    const file = path.join(project, 'mutated.weft.json');
    for (let number = 0; ; number++) {
      const bytes = random.next() < 0.2;
      const mutated = bytes
        ? mutateBytes(Buffer.from(text), random)
        : Buffer.from(JSON.stringify(mutateJson(JSON.parse(text), random), undefined, 2));
      yield {
        title: `a graph whose ${bytes ? 'text' : 'values'} changed (${number})`,
        async run() {
          fs.writeFileSync(file, mutated);
          const checked = await weft(home, project, 'validate', 'mutated.weft.json');
          const problem = complaint(checked, ['graph']);
          if (problem !== undefined) return `validate: ${problem}`;
          const ran = complaint(await weft(home, project, 'run', 'mutated.weft.json'), ['graph', 'checkpoint']);
          return ran && `run: ${ran}`;
        },
      };
    }
  },
};

export const pictures: FaultKind = {
  name: 'pictures',
  async *trials(random, folder) {
    const home = path.join(folder, 'home');
    const project = path.join(folder, 'project');
    makeProject(project);
    const whole = fs.readFileSync(path.join(project, 'giraffe.png'));
    for (let number = 0; ; number++) {
      const mutated = mutateBytes(whole, random);
      yield {
        title: `a picture whose bytes changed (${number})`,
        async run() {
          fs.writeFileSync(path.join(project, 'giraffe.png'), mutated);
          return complaint(await weft(home, project, ...RUN), ['graph']);
        },
      };
    }
  },
};

export const models: FaultKind = {
  name: 'models',
  async *trials(random, folder) {
    const home = path.join(folder, 'home');
    const mini = path.join(root, 'models', 'mini');
    const source = path.join(folder, 'source');
    const parts = fs
      .readdirSync(mini, { recursive: true })
      .map(String)
      .filter((name) => /\.(onnx|json)$/.test(name) && !name.endsWith('weft.json'));
    for (let number = 0; ; number++) {
      const part = random.pick(parts);
      const whole = fs.readFileSync(path.join(mini, part));
      // The structure is at both ends of the file, the weights between.
      const mutated = mutateBytes(whole.subarray(0, 20_000), random);
      const bytes = random.next() < 0.5 ? Buffer.concat([mutated, whole.subarray(20_000)]) : mutateBytes(whole, random);
      yield {
        title: `${part} with changed bytes (${number})`,
        async run() {
          fs.rmSync(source, { recursive: true, force: true });
          fs.cpSync(mini, source, { recursive: true });
          // Its manifest has digests, which would find everything.
          fs.rmSync(path.join(source, 'weft.json'));
          fs.writeFileSync(path.join(source, part), bytes);
          const added = await weft(home, folder, 'models', 'add', source, '--id', 'mutated');
          if (added.status !== 0) return complaint(added, ['checkpoint', 'graph']);
          return complaint(await weft(home, folder, 'models', 'verify', 'mutated'), ['checkpoint']);
        },
      };
    }
  },
};
