/** What is asked about checkpoints: the library, and what can be downloaded into it. */
import * as path from 'node:path';
import {
  type CheckpointInfo,
  type EngineEvent,
  type EngineHandlers,
  type EngineMethod,
  type FoundModel,
} from '../../protocol/engine';
import { graphError } from '../../protocol/errors';
import { readModel } from '../onnx/modelFile';
import { rewriteUnetGraph } from '../onnx/surgery/rewriteUnet';
import { type DigestMemory } from './digestMemory';
import { Downloads } from './download/downloads';
import { type ModelFolders } from './modelFolders';
import { type CheckpointLibrary } from './library';

export type ModelMethod = Extract<EngineMethod, `models.${string}`>;

export interface NamedLora {
  name: string;
  file: string;
}

export interface ModelServices {
  home: string;
  version: string;
  /** Folder of the checkpoints and manifests that come with Weft. */
  builtInModels: string;
  library: CheckpointLibrary;
  modelFolders: ModelFolders;
  digests: DigestMemory;
  emit(event: EngineEvent): void;
  list(): Promise<CheckpointInfo[]>;
  /** Opens every session of a checkpoint: proof that onnxruntime takes its files. */
  openSessions(id: string): Promise<void>;
}

export interface ModelRequests {
  handlers: EngineHandlers<ModelMethod>;
  /** LoRAs that a graph can name: those that were downloaded, and those of the model folders by their files' names. */
  loras(): Promise<NamedLora[]>;
  /** Pauses what is being downloaded. */
  close(): Promise<void>;
}

export function modelRequests(services: ModelServices): ModelRequests {
  const { home, library, emit } = services;
  const note = (level: 'info' | 'warn', message: string): void => emit({ event: 'log', level, message });
  const importing =
    (id: string) =>
    ({ message }: { message: string }): void => {
      note('info', message);
      emit({ event: 'checkpoint', id, message });
    };
  const downloads = new Downloads({
    home,
    manifestFolders: [services.builtInModels, path.join(home, 'manifests')],
    userAgent: `weft/${services.version}`,
    digests: services.digests,
    onProgress: (progress) => emit({ event: 'download', ...progress }),
    onNote: note,
    importFolder: (folder, id) => library.add([folder], id, importing(id)),
    checkGraph: (file) => void rewriteUnetGraph(readModel(file, undefined, { absentWeights: true })),
    installed: (id) => library.has(id),
    builtIn: async (id) => (await library.list()).some((each) => each.id === id && each.builtIn),
  });
  const downloadedLoras = (): FoundModel[] =>
    downloads.loras().map(({ id, lora, size }) => ({
      kind: 'lora',
      title: id,
      file: lora,
      size,
      precision: 'fp32',
      pictureSize: 512,
    }));
  const loras = async (): Promise<NamedLora[]> =>
    [...downloadedLoras(), ...(await library.found()).models].flatMap(({ kind, title, file }) =>
      kind === 'lora' ? [{ name: title, file }] : [],
    );
  const handlers: EngineHandlers<ModelMethod> = {
    'models.list': ({ folders }) => {
      if (folders !== undefined) services.modelFolders.state(folders);
      return services.list();
    },
    'models.scan': async ({ remember, forget }) => {
      if (remember !== undefined) services.modelFolders.remember(remember);
      if (forget !== undefined) services.modelFolders.forget(forget);
      const { models, ...others } = await library.found();
      return { folders: services.modelFolders.folders(), models: [...models, ...downloadedLoras()], ...others };
    },
    'models.add': ({ paths, id, ...choices }) =>
      library.add(paths, id, importing(id ?? ''), Object.keys(choices).length > 0 ? choices : undefined),
    'models.verify': async ({ id }) => {
      const verified = await library.verify(id);
      await services.openSessions(id);
      return verified;
    },
    'models.remove': async ({ id }) => {
      await downloads.pause(id);
      return { removed: true, freed: await library.remove(id) };
    },
    'models.known': () => downloads.known(),
    'models.offer': ({ file }) => downloads.offer(file),
    'models.download': (request) => downloads.start(request),
    'models.pause': async ({ name }) => ({ paused: await downloads.pause(name) }),
    'models.discard': async ({ name }) => {
      if (await library.has(name)) throw graphError(`"${name}" is in the library: remove the checkpoint instead.`);
      return { bytes: await downloads.discard(name) };
    },
  };
  return { handlers, loras, close: () => downloads.pauseAll() };
}
