import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../platform/ownFile';
import { writeJson } from '../../platform/writeJson';
import { type Device } from '../../protocol/engine';
import { graphError } from '../../protocol/errors';
import { type Candidate, candidates } from './candidates';
import { Crashes, crashSentence } from './crashes';
import { type CudaLibrary } from './cudaLibrary';
import { cudaNeeds, explain, surroundings, type Verdict } from './explain';
import { tryProvider } from './trial';
import { type Trial } from './types';

/** What the trials depend on: they are repeated when any of it changes. */
const DRIVER_VARIABLES = [
  'CUDA_VISIBLE_DEVICES',
  'LD_LIBRARY_PATH',
  'VK_ICD_FILENAMES',
  'VK_DRIVER_FILES',
  'VK_ADD_DRIVER_FILES',
];
const DRIVER_PLACES = [
  '/proc/driver/nvidia/version',
  '/usr/share/vulkan/icd.d',
  '/etc/vulkan/icd.d',
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib64/libvulkan.so.1',
];

/** Counted up when the trial looks at more: what older ones found is found anew. */
const PROBE_VERSION = 3;

const rememberedSchema = z.object({
  key: z.string(),
  verdicts: z.record(
    z.string(),
    z.object({
      available: z.boolean(),
      recommended: z.boolean(),
      sentence: z.string(),
      next: z.string().optional(),
    }) satisfies z.ZodType<Verdict>,
  ),
});
type Remembered = z.infer<typeof rememberedSchema>;

export interface DevicesOptions {
  home: string;
  /** The program that tries a provider. */
  probePath: string;
  /** Version of onnxruntime. */
  runtime: string;
  /** Version of Weft. */
  version: string;
  cuda: CudaLibrary;
  log: (level: 'info' | 'warn', message: string) => void;
  candidates?: Candidate[];
  attempt?: (provider: string) => Promise<Trial>;
}

/** What a run computes on. */
export interface Choice {
  provider: string;
  /** Why a better one that works here is not taken, with how to try it again, as sentences; only where nobody named one. */
  leftOut?: string;
}

/** What this machine can compute on, found by trial and remembered until onnxruntime, the drivers or their environment change. */
export class Devices {
  private readonly file: string;
  private readonly candidates: Candidate[];
  private known?: Promise<Record<string, Verdict>>;
  /** Providers that crashed an engine process: not chosen again before they are tried. */
  readonly crashes: Crashes;
  /** Providers that failed while they computed, by the reason: not chosen again by this process. */
  private readonly broken = new Map<string, string>();

  constructor(private readonly options: DevicesOptions) {
    this.file = path.join(options.home, 'devices.json');
    this.candidates = options.candidates ?? candidates();
    this.crashes = new Crashes(options.home, { weft: options.version, onnxruntime: options.runtime });
  }

  /** All providers of this platform, the preferred one first. With `probe`, what is remembered is tried again. */
  async list(probe = false): Promise<Device[]> {
    if (probe) {
      this.known = undefined;
      this.broken.clear();
      for (const { provider } of this.candidates) this.crashes.forget(provider);
    }
    const verdicts = await this.verdicts(probe);
    const chosen = this.best(verdicts);
    return this.candidates.map(({ provider, title }) => {
      const verdict = verdicts[provider]!;
      const failure = this.failureOf(provider);
      return {
        provider,
        title,
        ...verdict,
        ...(failure === undefined ? {} : { sentence: failure, next: againSentence(provider) }),
        chosen: provider === chosen,
      };
    });
  }

  /**
   * The provider to compute on: `wanted`, or without one the first that works, is faster than the processor and did not fail in a run.
   * @throws WeftError `graph` for a name that onnxruntime has on no platform of this kind.
   */
  async choose(wanted: string | undefined): Promise<Choice> {
    if (wanted === undefined || wanted === 'auto') {
      const verdicts = await this.verdicts();
      const provider = this.best(verdicts);
      const better = this.candidates.slice(
        0,
        this.candidates.findIndex((candidate) => candidate.provider === provider),
      );
      const leftOut = better.flatMap((each) => {
        const failure = verdicts[each.provider]?.recommended ? this.failureOf(each.provider) : undefined;
        return failure === undefined
          ? []
          : [`"${each.provider}" is left out. ${failure} ${againSentence(each.provider)}`];
      });
      return { provider, ...(leftOut.length > 0 && { leftOut: leftOut.join(' ') }) };
    }
    if (!this.candidates.some(({ provider }) => provider === wanted))
      throw graphError(
        `There is no provider "${wanted}" on ${process.platform}-${process.arch}. Choose ${this.names()} or auto.`,
      );
    return { provider: wanted };
  }

  private names(): string {
    return this.candidates.map(({ provider }) => provider).join(', ');
  }

  private best(verdicts: Record<string, Verdict>): string {
    const found = this.candidates.find(
      ({ provider }) => verdicts[provider]?.recommended && this.failureOf(provider) === undefined,
    );
    return found?.provider ?? 'cpu';
  }

  /** How a provider failed in a run, as a sentence. */
  private failureOf(provider: string): string | undefined {
    const reason = this.broken.get(provider);
    if (reason !== undefined) return `It failed in this session: ${reason}`;
    const crash = this.crashes.of(provider, this.key());
    return crash && crashSentence(crash);
  }

  /** Work on a provider, which is known to the next process if it crashes this one. */
  async watched<T>(provider: string, work: () => Promise<T>): Promise<T> {
    if (provider === 'cpu') return work();
    this.crashes.begin(provider, this.key());
    try {
      return await work();
    } finally {
      this.crashes.end();
    }
  }

  /** A provider that a person named has computed a run to its end: what it did before counts no more. */
  reportSuccess(provider: string): void {
    this.broken.delete(provider);
    this.crashes.forget(provider);
  }

  /** A provider failed while it computed: `auto` leaves it out until it is probed again. */
  reportFailure(provider: string, reason: string): void {
    this.broken.set(provider, reason);
  }

  private verdicts(probe = false): Promise<Record<string, Verdict>> {
    this.known ??= this.find(probe);
    this.known.catch(() => (this.known = undefined));
    return this.known;
  }

  private async find(probe: boolean): Promise<Record<string, Verdict>> {
    const key = this.key();
    const remembered = probe ? undefined : readOwnJson(this.file, rememberedSchema);
    if (remembered?.key === key && this.candidates.every(({ provider }) => remembered.verdicts[provider]))
      return remembered.verdicts;
    const { log, cuda, probePath } = this.options;
    const attempt = this.options.attempt ?? ((provider: string) => tryProvider(probePath, provider));
    const around = surroundings(cuda);
    const verdicts: Record<string, Verdict> = {};
    for (const candidate of this.candidates) {
      const { provider } = candidate;
      if (provider === 'cpu') {
        verdicts['cpu'] = {
          available: true,
          recommended: true,
          sentence: `The processor (${os.cpus()[0]?.model.trim() ?? process.arch}), with ${os.availableParallelism()} threads: always works.`,
        };
        continue;
      }
      const trial = await attempt(provider);
      const verdict = explain(candidate, trial, around);
      log('info', `Trial of ${provider}: ${verdict.sentence}${verdict.next ? ` ${verdict.next}` : ''}`);
      verdicts[provider] = verdict;
    }
    this.write({ key, verdicts });
    return verdicts;
  }

  private key(): string {
    const stamp = (file: string): string => {
      try {
        const stat = fs.statSync(file);
        return stat.isDirectory()
          ? fs.readdirSync(file).join()
          : file.startsWith('/proc')
            ? fs.readFileSync(file, 'utf8')
            : String(stat.mtimeMs);
      } catch {
        return '';
      }
    };
    return JSON.stringify([
      PROBE_VERSION,
      this.options.runtime,
      process.platform,
      process.arch,
      os.release(),
      // Which of its needs are there: ldconfig and packages change that without a trace elsewhere.
      this.options.cuda.installed() && cudaNeeds(this.options.cuda.provider).missing,
      this.options.cuda.refusal()?.sentence,
      DRIVER_VARIABLES.map((name) => process.env[name] ?? ''),
      DRIVER_PLACES.map(stamp),
    ]);
  }

  private write(remembered: Remembered): void {
    try {
      writeJson(this.file, remembered);
    } catch {
      // Only a memory: next time it is found out again.
    }
  }
}

const againSentence = (provider: string): string =>
  `To try it again, name it (--provider ${provider}, or the setting weft.provider), or probe again (weft devices --probe, or Show Devices).`;
