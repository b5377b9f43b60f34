/** onnxruntime itself, loaded when first needed: only the worker thread (or a test) that calls this pays for it. */
import type * as Ort from 'onnxruntime-node';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { optimisedGraph } from './optimisedGraphs';
import { PlacementProfile } from './placement';
import { countNodes } from './protobufFile';
import { type Placement, type SessionOptions, type SessionTimes, type TensorData } from './types';

type Runtime = typeof Ort;
let runtime: Runtime | undefined;

// In the bundle `require` is webpack's, with onnxruntime-node external; in tests the module is ESM and has none.
declare const require: NodeJS.Require | undefined;

/**
 * On Linux and macOS onnxruntime reports what it runs to its maker, and keeps a device id and a queue below the user's cache folder,
 * unless this variable is set when its library loads. A worker thread reaches the process's environment with SHARE_ENV only.
 */
function silenceTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = '1';
}

function onnxruntime(): Runtime {
  if (runtime === undefined) {
    silenceTelemetry();
    // A copy of onnxruntime's package with a library that npm's lacks.
    const other = process.env.WEFT_ONNXRUNTIME;
    try {
      if (other) runtime = createRequire(path.join(other, 'package.json'))('onnxruntime-node') as Runtime;
      runtime ??=
        typeof require === 'function'
          ? (require('onnxruntime-node') as Runtime)
          : (createRequire(path.join(process.cwd(), 'package.json'))('onnxruntime-node') as Runtime);
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      throw new WeftError(
        'internal',
        `onnxruntime, which does the computing, can't be loaded on ${process.platform}-${process.arch}: ${reason}`,
      );
    }
  }
  return runtime;
}

/**
 * Intra-op threads by default. One a physical core: hyper-threads compete for the same vector units, and matrix products
 * get slower, not faster, with them. A process that is confined to fewer cores (a container, taskset) uses those.
 */
export function defaultThreads(): number {
  const logical = os.availableParallelism();
  // Without a way to ask, more than four logical processors of x64 are taken as two a core.
  const physical = process.arch === 'x64' && logical > 4 ? Math.ceil(logical / 2) : logical;
  return Math.max(1, Math.min(physical, 16));
}

interface Opened {
  session: Ort.InferenceSession;
  signature: string;
  provider: string;
  /** Of a provider that may leave nodes to the processor: what ran where. */
  profile?: PlacementProfile;
  placement?: Placement;
  /** Where its model is, unless it was given as bytes. */
  file?: string;
}

/** Sessions of the calling thread. */
export class LocalSessions {
  private readonly sessions = new Map<string, Opened>();
  private counted: SessionTimes = { runMs: 0, loadMs: 0, runs: 0 };

  /** Loads onnxruntime ahead of the first session. */
  start(): void {
    onnxruntime();
  }

  async load(key: string, model: string | Uint8Array, options: SessionOptions): Promise<void> {
    const threads = options.threads ?? defaultThreads();
    const modelPath = typeof model === 'string' ? model : key;
    const { provider, optimise, weights, keepLayout } = options;
    const signature = JSON.stringify([modelPath, provider, threads, optimise, weights, keepLayout]);
    const opened = this.sessions.get(key);
    if (opened?.signature === signature) return;
    if (opened !== undefined) await this.release(key);
    const ort = onnxruntime();
    const started = performance.now();
    // The processor runs everything it is given; a profile of it would cost time and tell nothing.
    const profile = options.provider === 'cpu' ? undefined : new PlacementProfile();
    let session: Ort.InferenceSession;
    try {
      const settings = {
        executionProviders: [options.provider],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: options.optimise === false ? 'disabled' : 'all',
        logSeverityLevel: 3,
        ...(profile ? { enableProfiling: true, profileFilePrefix: profile.prefix } : {}),
        // DirectML demands it.
        ...(options.provider === 'dml' ? { enableMemPattern: false } : {}),
        extra: {
          // The layout that convolutions like best on the processor is a second copy of their weights.
          ...(options.keepLayout ? { optimization: { disable_specified_optimizers: 'NchwcTransformer' } } : {}),
          session: {
            // Denormals in the tails of softmax cost a hundred times a normal number and change nothing.
            set_denormal_as_zero: '1',
            // Threads that wait by spinning take the cores from the engine's own thread and from whatever else runs here.
            intra_op: { allow_spinning: '0' },
            ...(options.weights === undefined ? {} : { model_external_initializers_file_folder_path: options.weights }),
          },
        },
      } satisfies Ort.InferenceSession.SessionOptions;
      session =
        typeof model === 'string'
          ? await this.openFile(ort, model, settings, options)
          : await ort.InferenceSession.create(model, settings);
    } catch (error) {
      profile?.discard();
      throw refusal(error, modelPath, options.provider);
    } finally {
      this.counted.loadMs += performance.now() - started;
    }
    const file = typeof model === 'string' ? model : undefined;
    this.sessions.set(key, { session, signature, provider: options.provider, profile, file });
  }

  /** Opens a model's file, by way of its optimised graph where that is kept. */
  private async openFile(
    ort: Runtime,
    model: string,
    settings: Ort.InferenceSession.SessionOptions,
    { provider, optimised }: SessionOptions,
  ): Promise<Ort.InferenceSession> {
    if (!optimised || provider !== 'cpu') return ort.InferenceSession.create(model, settings);
    const graph = optimisedGraph(optimised.folder, optimised.name, model, ort.env.versions.node ?? '');
    if (graph.read !== undefined) {
      try {
        return await ort.InferenceSession.create(graph.read, { ...settings, graphOptimizationLevel: 'disabled' });
      } catch {
        // What was written for this model and is whole, but onnxruntime refuses: the next start writes it anew.
        graph.discard();
        return ort.InferenceSession.create(model, settings);
      }
    }
    if (!graph.write) return ort.InferenceSession.create(model, settings);
    const session = { ...(settings.extra?.['session'] as Record<string, unknown>) };
    session['optimized_model_external_initializers_file_name'] = graph.write.weights;
    session['optimized_model_external_initializers_min_size_in_bytes'] = '1024';
    try {
      const opened = await ort.InferenceSession.create(model, {
        ...settings,
        optimizedModelFilePath: graph.write.model,
        extra: { session },
      });
      graph.finish();
      return opened;
    } catch {
      // A full disk, say.
      graph.discard();
      return ort.InferenceSession.create(model, settings);
    }
  }

  async run(key: string, feeds: Record<string, TensorData>, fetches: string[]): Promise<Record<string, TensorData>> {
    const opened = this.sessions.get(key);
    if (opened === undefined) throw new WeftError('internal', `No onnxruntime session is open as "${key}".`);
    const ort = onnxruntime();
    const inputs: Record<string, Ort.Tensor> = {};
    for (const [name, { type, dims, data }] of Object.entries(feeds))
      inputs[name] = new ort.Tensor(type, data as never, dims);
    const started = performance.now();
    let outputs: Ort.InferenceSession.OnnxValueMapType;
    try {
      outputs = await opened.session.run(inputs, fetches);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (opened.provider !== 'cpu')
        throw new WeftError('device', `The provider "${opened.provider}" failed while it computed: ${reason}`);
      throw new WeftError('checkpoint', `onnxruntime could not run the model: ${reason}`);
    } finally {
      this.counted.runMs += performance.now() - started;
      this.counted.runs += 1;
    }
    opened.profile?.take(opened.session);
    const answer: Record<string, TensorData> = {};
    for (const name of fetches) {
      const tensor = outputs[name] as Ort.Tensor;
      answer[name] = { type: tensor.type, dims: [...tensor.dims], data: tensor.data } as TensorData;
    }
    return answer;
  }

  async release(key: string): Promise<void> {
    const opened = this.sessions.get(key);
    this.sessions.delete(key);
    await opened?.session.release();
    opened?.profile?.discard();
  }

  placement(key: string): Placement | undefined {
    const opened = this.sessions.get(key);
    if (!opened || opened.profile) return opened?.profile?.placement;
    try {
      if (opened.file !== undefined) opened.placement ??= { cpu: countNodes(opened.file) };
    } catch {
      // Its checkpoint was removed or replaced while it was open: nobody asks any more.
    }
    return opened.placement;
  }

  times(): SessionTimes {
    return { ...this.counted };
  }
}

function refusal(error: unknown, modelPath: string, provider: string): WeftError {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0];
  const model = path.join(path.basename(path.dirname(modelPath)), path.basename(modelPath));
  if (provider !== 'cpu')
    return new WeftError(
      'device',
      `onnxruntime refused the provider "${provider}" for ${model}: ${reason} Choose the provider "cpu", which always works.`,
    );
  return new WeftError('checkpoint', `onnxruntime refused ${model}: ${reason}`);
}
