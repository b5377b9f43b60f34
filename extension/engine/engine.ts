import * as os from 'node:os';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type CheckpointInfo,
  type EngineEvent,
  type EngineHandlers,
  type EngineMethod,
  type EngineRequests,
  type HeldMemory,
  type RunOptions,
  runOptionsSchema,
  type SweepRequest,
  type SweepResult,
} from '../protocol/engine';
import { removeLeftovers } from '../platform/leftovers';
import { WeftError } from '../protocol/errors';
import { type InspectMethod } from '../protocol/inspect';
import { keepNewest } from './cache/recent';
import { ContentStore } from './cache/store';
import { DigestMemory } from './checkpoints/digestMemory';
import { type CheckpointLibrary, openLibrary } from './checkpoints/library';
import { ModelFolders } from './checkpoints/modelFolders';
import { type ModelMethod, type ModelRequests, modelRequests } from './checkpoints/requests';
import { type LoraChoice } from './checkpoints/types';
import { type Choice } from './devices/devices';
import { deviceHandlers, type DeviceMethod, type DeviceServices } from './devices/handlers';
import { weftHome } from './home';
import { type InspectedRun, inspectHandlers } from './inspect/requests';
import { encodePng, type RgbPicture } from './image/png';
import { clearOptimisedGraphs, optimisedGraphsOnDisk, trimOptimisedGraphs } from './onnx/optimisedGraphs';
import { type SessionHost } from './onnx/types';
import { checkpointDefaults } from './execution/checkpointDefaults';
import { type Injected, type RunServices } from './execution/context';
import { executors } from './execution/nodes';
import { recentNoise } from './execution/nodes/invert';
import { LoadedCheckpoint } from './pipeline/loadedCheckpoint';
import { recentPictures } from './execution/pictures';
import { forgetPeak } from './execution/peakRss';
import { type MemoryLimit } from './pipeline/workingMemory';
import { drawFrame, type PreviewSink, REMEMBERED_BYTES, type Timelines } from './execution/previews';
import { type GraphRun, runGraph } from './execution/runGraph';
import { mergeSweeps, runSweepFiles } from './sweep/sweepFiles';
import { removeScratch, scratchFolder } from './scratch';
import { readVariables } from './variables';

const GIGABYTE = 2 ** 30;
/** Timelines of so many runs stay in memory for scrubbing, and what can be asked of their attention; fewer, where they take more than this. */
const REMEMBERED_RUNS = 4;
/** Sessions of so many checkpoints stay open, the last used ones. */
const OPEN_CHECKPOINTS = 3;
/** Queries of past steps are kept apart from everything else, so that they push nothing out: a tenth of the disk, this much memory. */
const ATTENTION_MEMORY_BYTES = 256 * 2 ** 20;

export interface EngineOptions {
  version: string;
  sessions: SessionHost;
  /** Folder with the checkpoints that come with Weft. */
  builtInModels: string;
  home?: string;
  emit(event: EngineEvent): void;
  threads?: number;
  /** Without, runs compute on the processor unless they name something else. */
  devices?: DeviceServices;
}

/** The engine behind the messages: runs graphs one after another, keeps sessions, products and timelines between them. */
export class Engine {
  private readonly variables = readVariables();
  private readonly home: string;
  private readonly modelFolders: ModelFolders;
  private readonly library: CheckpointLibrary;
  private readonly models: ModelRequests;
  private readonly store: ContentStore;
  private readonly loaded = new Map<string, LoadedCheckpoint>();
  private readonly running = new Map<string, AbortController>();
  private readonly remembered = new Map<string, Timelines>();
  private readonly attention: ContentStore;
  /** Folder of onnxruntime's optimised graphs. */
  private readonly optimised: string;
  /** What runs may take for intermediate results; set at the begin of each. */
  private readonly memory: MemoryLimit = {};
  private readonly inspected = new Map<string, InspectedRun>();
  /** What the last run left to be done when its result is there: the cache back within its limit, the rest of its previews. */
  private afterwards: Promise<unknown> = Promise.resolve();
  /** onnxruntime's library is being loaded. */
  private starting?: Promise<void>;
  /** What killed processes left in the home is gone. */
  private tidied = false;
  /** Ends what is done between runs. */
  private betweenRuns = new AbortController();
  /** Runs wait for one another: they share the processor and the memory. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: EngineOptions) {
    this.home = options.home ?? weftHome();
    this.modelFolders = new ModelFolders(this.home, this.variables.modelFolders);
    this.optimised = path.join(this.home, 'optimised');
    const digests = new DigestMemory(path.join(this.home, 'digests.json'));
    const { version, builtInModels, emit } = options;
    const { modelFolders } = this;
    this.library = openLibrary({ home: this.home, builtInModels, digests, modelFolders });
    this.models = modelRequests({
      home: this.home,
      version,
      builtInModels,
      library: this.library,
      modelFolders,
      digests,
      emit,
      list: () => this.checkpoints(),
      openSessions: async (id) => (await this.checkpoint(id, 'cpu')).tryAll(),
    });
    this.store = new ContentStore(path.join(this.home, 'cache'), this.limits(), (message) =>
      options.emit({ event: 'log', level: 'warn', message }),
    );
    this.attention = new ContentStore(path.join(this.home, 'attention'), {
      diskBytes: this.limits().diskBytes / 10,
      memoryBytes: Math.min(ATTENTION_MEMORY_BYTES, this.limits().memoryBytes),
    });
    this.handlers = {
      ...this.ownHandlers(),
      ...this.models.handlers,
      ...inspectHandlers((runId) => this.inspected.get(runId), this.attention),
      ...deviceHandlers(options.devices, options.emit),
    };
  }

  /** The process ends on its own accord: nothing crashed. */
  exiting(): void {
    this.options.devices?.found.crashes.end();
  }

  private limits(): { diskBytes: number; memoryBytes: number } {
    return {
      diskBytes: this.variables.cacheGb * GIGABYTE,
      memoryBytes: Math.min(2 * GIGABYTE, os.totalmem() / 8),
    };
  }

  readonly handlers: EngineHandlers<EngineMethod>;

  private ownHandlers(): EngineHandlers<Exclude<EngineMethod, InspectMethod | ModelMethod | DeviceMethod>> {
    return {
      hello: async ({ modelFolders = [] }) => {
        this.modelFolders.state(modelFolders);
        return { version: this.options.version, pid: process.pid, crashNote: this.options.devices?.found.crashes.file };
      },
      ping: async () => ({ rssBytes: process.memoryUsage.rss() }),
      run: async (params) => (await this.run(params)).result,
      sweep: (params) => this.sweep(params),
      'sweep.merge': ({ folders }) => mergeSweeps(folders),
      cancel: async ({ runId }) => {
        const controller = this.running.get(runId);
        controller?.abort(new WeftError('interrupted', 'Stopped.'));
        return { cancelled: controller !== undefined };
      },
      'cache.show': async () => [
        { title: 'products of runs', folder: path.join(this.home, 'cache'), ...(await this.store.onDisk()) },
        { title: 'attention', folder: path.join(this.home, 'attention'), ...(await this.attention.onDisk()) },
        { title: 'optimised models', folder: this.optimised, ...optimisedGraphsOnDisk(this.optimised) },
      ],
      'cache.clear': async () => {
        const products = (await this.store.clear()) + (await this.attention.clear());
        return { bytes: products + clearOptimisedGraphs(this.optimised) };
      },
      memory: async () => this.held(),
      'timeline.frame': async ({ runId, node, cell, index, kind, size }) => {
        const timeline = this.remembered.get(runId)?.of(node, cell);
        if (!timeline)
          throw new WeftError('graph', 'This step is no longer in memory: run the graph again to see it.', node);
        // An inversion makes the steps that are read, and tells of its last alone when it comes from the cache.
        const frame = timeline.frames[index];
        if (!frame) return {};
        const { width, height, rgba } = await drawFrame(timeline.checkpoint, frame, kind, size, this.store);
        return { png: await encodePng({ width, height, rgba }) };
      },
      shutdown: async () => {
        this.betweenRuns.abort();
        await this.models.close();
        for (const controller of this.running.values())
          controller.abort(new WeftError('interrupted', 'The engine was asked to end.'));
        await this.queue.catch(() => {});
        // A thread that is loading a library must not be ended.
        await this.starting;
        await this.afterwards.catch(() => {});
        for (const store of [this.store, this.attention]) {
          await store.flush();
          await store.trim();
        }
        return {};
      },
    };
  }

  /** Runs a graph when those before it are done. `injected` replaces or observes what is computed. */
  run(request: EngineRequests['run']['params'], injected?: Injected): Promise<GraphRun> {
    const parsed = runOptionsSchema.safeParse(request);
    if (!parsed.success)
      return Promise.reject(new WeftError('graph', `The run's options are not valid: ${parsed.error.message}`));
    const options = parsed.data;
    const controller = new AbortController();
    this.running.set(options.runId, controller);
    const execute = async (): Promise<GraphRun> => {
      const run = await this.withStore(options, (store) =>
        this.onDevice(
          options,
          (choice) =>
            runGraph(options, {
              ...this.services(store, controller, choice),
              injected,
              onTimelines: (timelines) => keepNewest(this.remembered, options.runId, timelines, REMEMBERED_RUNS),
              onInspections: (inspections) =>
                keepNewest(this.inspected, options.runId, { inspections, result: () => undefined }, REMEMBERED_RUNS),
            }),
          (fallen, warning) => fallen.result.warnings.unshift(warning),
          ({ result }, provider) => (result.report.providerNodes[provider] ?? 0) > 0,
        ),
      );
      // The pictures alone: everything else that nodes made may go.
      const made = new Map<string, RgbPicture>();
      for (const [node, { image }] of run.values)
        if (image?.kind === 'image' && image.from === 'run') made.set(node, image);
      const { inspections = new Map() } = this.inspected.get(options.runId) ?? {};
      keepNewest(this.inspected, options.runId, { inspections, result: (node) => made.get(node) }, REMEMBERED_RUNS);
      await this.rest(run.previews);
      for (const folder of new Set([options.outDir, ...run.result.files.map((file) => path.dirname(file))]))
        removeLeftovers(folder);
      return run;
    };
    return this.enqueue(options.runId, execute);
  }

  /** Runs the cells of a sweep that its folder lacks, when the runs before it are done. */
  async sweep(request: SweepRequest): Promise<SweepResult> {
    const parsed = runOptionsSchema.safeParse(request.run);
    if (!parsed.success) throw new WeftError('graph', `The sweep's options are not valid: ${parsed.error.message}`);
    const options = parsed.data;
    const controller = new AbortController();
    this.running.set(options.runId, controller);
    return this.enqueue(options.runId, async () => {
      const result = await this.withStore(options, (store) =>
        this.onDevice(options, (choice) => {
          // Once, not in each cell.
          const { leftOut, ...rest } = choice;
          if (leftOut !== undefined) this.options.emit({ event: 'log', level: 'warn', message: leftOut });
          return runSweepFiles(request, options, this.services(store, controller, rest));
        }),
      );
      await this.rest();
      return result;
    });
  }

  /** A run is over: what is held goes back to its budgets. */
  private async rest(previews?: PreviewSink): Promise<void> {
    if (!this.tidied) {
      this.tidied = true;
      trimOptimisedGraphs(this.optimised);
      removeScratch(this.home);
      // Downloads see to their own folder.
      removeLeftovers(this.home, { deep: true, except: ['cache', 'attention', 'downloads'] });
      for (const store of ['cache', 'attention']) removeLeftovers(path.join(this.home, store));
    }
    for (const store of [this.store, this.attention]) store.endRun();
    while (this.rememberedBytes() > REMEMBERED_BYTES && this.remembered.size > 1) {
      const [oldest] = this.remembered.keys();
      this.remembered.delete(oldest!);
      this.inspected.delete(oldest!);
    }
    // Before the next run, which may open the same sessions.
    for (const checkpoint of [...this.loaded.values()].slice(0, -OPEN_CHECKPOINTS)) await checkpoint.close();
    this.afterwards = Promise.all([
      this.store.trim(),
      this.attention.trim(),
      previews?.drawRest(this.betweenRuns.signal),
    ]);
    this.afterwards.catch(() => {});
  }

  /** Bytes of what is remembered of the last runs; arrays that several of them share count once. */
  private rememberedBytes(): number {
    const buffers = new Set<ArrayBufferLike>();
    for (const timelines of this.remembered.values()) for (const { buffer } of timelines.held()) buffers.add(buffer);
    for (const { inspections } of this.inspected.values())
      for (const inspection of inspections.values()) for (const { buffer } of inspection.held()) buffers.add(buffer);
    return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** What is held in memory beside onnxruntime's sessions. */
  private held(): HeldMemory[] {
    const of = (title: string, store: { heldBytes: number; mostBytes: number }): HeldMemory => ({
      title,
      bytes: store.heldBytes,
      mostBytes: store.mostBytes,
    });
    return [
      of('products of runs', this.store),
      of('attention', this.attention),
      of('noise', recentNoise),
      of('pictures', recentPictures),
      { title: `the last ${REMEMBERED_RUNS} runs`, bytes: this.rememberedBytes(), mostBytes: REMEMBERED_BYTES },
    ];
  }

  private services(store: ContentStore, controller: AbortController, { provider, leftOut }: Choice): RunServices {
    return {
      version: this.options.version,
      executors,
      provider,
      leftOut,
      store,
      signal: controller.signal,
      emit: this.options.emit,
      warnAbout: (message) => this.options.emit({ event: 'log', level: 'warn', message }),
      checkpoints: () => this.checkpoints(),
      openCheckpoint: (id, vae, loras) => {
        this.options.devices?.found.crashes.with(id);
        return this.checkpoint(id, provider, vae, loras);
      },
      loras: this.models.loras,
      attention: this.attention,
    };
  }

  private enqueue<T>(runId: string, execute: () => Promise<T>): Promise<T> {
    const begin = (): Promise<T> => {
      this.betweenRuns.abort();
      this.betweenRuns = new AbortController();
      return execute();
    };
    const result = this.queue.then(begin, begin).finally(() => this.running.delete(runId));
    this.queue = result.catch(() => {});
    return result;
  }

  /**
   * Runs on the provider asked for, or on the best one. Where nobody asked for it by name and it fails while it computes, the
   * processor takes over, and the person is told before it does.
   */
  private async onDevice<T>(
    options: RunOptions,
    runOn: (choice: Choice) => Promise<T>,
    onFallback: (result: T, warning: { node: string; message: string }) => void = () => {},
    /** Whether something was computed on the provider, and not all of it taken from the cache. */
    computedOn: (result: T, provider: string) => boolean = () => false,
  ): Promise<T> {
    const { devices, emit } = this.options;
    const automatic = options.provider === undefined || options.provider === 'auto';
    const gigabytes = options.memoryGb ?? this.variables.memoryGb;
    this.memory.bytes = gigabytes > 0 ? gigabytes * GIGABYTE : undefined;
    forgetPeak();
    if (devices === undefined) return runOn({ provider: automatic ? 'cpu' : options.provider! });
    const choice = await devices.found.choose(options.provider);
    const { provider } = choice;
    try {
      const result = await devices.found.watched(provider, () => runOn(choice));
      if (computedOn(result, provider)) devices.found.reportSuccess(provider);
      return result;
    } catch (error) {
      if (!(error instanceof WeftError) || error.kind !== 'device' || provider === 'cpu') throw error;
      devices.found.reportFailure(provider, error.message);
      if (!automatic) throw error;
      const node = error.node ?? '';
      const message = `${error.message} The run starts again on the processor.`;
      emit({ event: 'log', level: 'warn', message });
      emit({ event: 'warning', runId: options.runId, node, message });
      const result = await runOn({ provider: 'cpu' });
      onFallback(result, { node, message });
      return result;
    }
  }

  private async checkpoints(): Promise<CheckpointInfo[]> {
    const checkpoints = await this.library.list();
    // Manifests name parameters in their own words; everyone else speaks the catalogue's.
    return checkpoints.map((info) => ({
      ...info,
      freeu: (info.defaults as Record<string, unknown>)['freeu'] !== false,
      defaults: checkpointDefaults(info.defaults, info.domains),
    }));
  }

  /** A checkpoint with its sessions, kept open between runs. @param vae absolute path of a VAE to use instead of its own @param loras to add to its weights */
  async checkpoint(id: string, provider: string, vae?: string, loras: LoraChoice[] = []): Promise<LoadedCheckpoint> {
    // onnxruntime's library loads while the graph is planned and its images are read.
    this.starting = this.options.sessions.start?.();
    const own = await this.library.open(id, ({ message, added }) => {
      this.options.emit({ event: 'log', level: 'info', message });
      if (added) this.options.emit({ event: 'checkpoint', id, message });
    });
    let prepared = vae === undefined ? own : await this.library.withVae(own, vae);
    for (const lora of loras) prepared = await this.library.withLora(prepared, lora);
    const key = `${prepared.sha256}/${provider}`;
    const { sessions, threads } = this.options;
    const kept = this.loaded.get(key);
    // The same files under another id: the place it was opened from may be removed. The same VAE of another file, or of one that was touched.
    const same =
      kept?.prepared.folder === prepared.folder &&
      isDeepStrictEqual(kept.prepared.vae?.stamps, prepared.vae?.stamps) &&
      isDeepStrictEqual(kept.prepared.loras?.stamps, prepared.loras?.stamps);
    if (!same) await kept?.close();
    const loaded =
      (same ? kept : undefined) ?? LoadedCheckpoint.open(prepared, sessions, provider, threads, this.home, this.memory);
    // The last used one comes last.
    this.loaded.delete(key);
    this.loaded.set(key, loaded);
    // What an interrupted run counted belongs to nobody.
    loaded.takeCounts();
    return loaded;
  }

  /** A store that keeps nothing beyond its own life: in memory within the budget, beyond it in a folder that {@link ContentStore.dispose} removes. */
  scratch(): ContentStore {
    removeScratch(this.home);
    return new ContentStore(scratchFolder(this.home), { ...this.limits(), spills: true });
  }

  /** Calls `work` with the store that a run uses. */
  private async withStore<T>({ useCache }: RunOptions, work: (store: ContentStore) => Promise<T>): Promise<T> {
    if (useCache) return work(this.store);
    const store = this.scratch();
    try {
      return await work(store);
    } finally {
      await store.dispose();
    }
  }
}
